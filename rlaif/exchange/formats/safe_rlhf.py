"""PKU-SafeRLHF: two responses, of which one is the better and one the safer; these need not be the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.format import Format, PairFormat, each_row, has, said
from rlaif.exchange.rated import SAME_TEXT, policies
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import prompt_turns
from rlaif.records import Pair

BETTER, SAFER = "better_response_id", "safer_response_id"
_PRINCIPLES: Mapping[str, str] = {BETTER: "better", SAFER: "safer"}
_SAFE = ("is_response_0_safe", "is_response_1_safe")
_COLUMNS = ("prompt", "response_0", "response_1", BETTER)


def by(column: str) -> Callable[[Row], Pair | str]:
    """A reader whose label is that column; both become principles, and which sides are safe goes to the provenance."""

    def pair_of(row: Row) -> Pair | str:
        values = fields.mapping(row)
        prompt = prompt_turns(values.get("prompt"), row.where, "prompt")
        texts = [fields.text(row, f"response_{place}") for place in (0, 1)]
        which = {name: _place(row, name) for name in _PRINCIPLES if name in values or name == column}
        chosen = which[column]
        if texts[0] == texts[1]:
            return SAME_TEXT
        safe = [values.get(name) for name in _SAFE]
        models = [values.get(f"response_{place}_source") for place in (chosen, 1 - chosen)]
        told = {"safe": [safe[chosen], safe[1 - chosen]]} if None not in safe else {}
        return Pair(
            prompt=prompt,
            chosen=said(texts[chosen]),
            rejected=said(texts[1 - chosen]),
            label_prob=1.0,
            principles=tuple(
                {"id": _PRINCIPLES[name], "p": float(place == chosen)} for name, place in which.items()
            ),
            provenance={**policies(*models), **told},
        )

    return pair_of


def _place(row: Row, column: str) -> int:
    value: Any = fields.mapping(row).get(column)
    if isinstance(value, str) and value.strip() in ("0", "1"):
        value = int(value)  # a table has text only
    if isinstance(value, bool) or value not in (0, 1):
        raise PromptFileError(f"{row.where}: {column!r} is {value!r:.80}; it must be 0 or 1")
    return int(value)


FORMAT = tuple(
    Format(
        name=name,
        help=f"PKU-SafeRLHF's two responses; the label is which is the {word} one",
        pairs=PairFormat(
            shape=f"`prompt`, `response_0`, `response_1`, `{column}`, `is_response_0_safe`, `is_response_1_safe`",
            recognises=has(_COLUMNS) if column == BETTER else None,
            rank=15,
            read=each_row(by(column)),
        ),
    )
    for name, column, word in (("safe-rlhf", BETTER, "better"), ("safe-rlhf-safer", SAFER, "safer"))
)

"""HelpSteer 1 to 3: answers rated by attribute (a row each), and two answers with the strength of a preference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange import fields
from rlaif.exchange.columns import Columns, is_empty
from rlaif.exchange.format import Format, Found, PairFormat, each_row, has, said
from rlaif.exchange.rated import SAME_TEXT, RatedAnswer, best_against_worst, rating
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import prompt_turns
from rlaif.records import EVEN, Message, Pair, Role

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
ALONE = "it is the only answer to its prompt"
NO_PREFERENCE = "its annotators prefer neither"
FAILED = "it has no preference"
AGAINST = "the single votes do not agree with the overall preference"
STRONGEST = 3
_TURN = "<extra_id_1>"
_ROLES: Mapping[str, Role] = {"User": "user", "Assistant": "assistant", "System": "system"}


def read_rated(rows: Iterator[Row]) -> Iterator[Found]:
    """Pairs of rows that rate one answer each, grouped by prompt: the most helpful answer against the least.

    The other attributes are principles. A pair stands where the last row of its prompt stood.
    """
    groups: dict[tuple[Message, ...], list[tuple[str, RatedAnswer]]] = {}
    left: dict[str, None] = {}
    for row in rows:
        try:
            prompt, answer = _rated(row, left)
        except UnkeptError as unkept:
            yield Found(row.where, unkept)
            continue
        groups.setdefault(prompt, []).append((row.where, answer))
    for prompt, given in groups.items():
        where = given[-1][0]
        one = len(given) == 1
        yield Found(
            where, ALONE if one else best_against_worst(prompt, [each for _, each in given]), tuple(left)
        )


def _rated(row: Row, left: dict[str, None]) -> tuple[tuple[Message, ...], RatedAnswer]:
    values = Columns(fields.mapping(row))
    row = Row(row.where, values)
    found = {name: rating(values.get(name), f"{row.where}: {name!r}") for name in ATTRIBUTES}
    aspects = {name: value for name, value in found.items() if value is not None}
    answer = RatedAnswer(
        answer=said(fields.text(row, "response")), score=aspects.get(ATTRIBUTES[0]), aspects=aspects
    )
    prompt = _prompt(fields.text(row, "prompt"), row.where)
    left |= dict.fromkeys(values.finished(row.where))
    return prompt, answer


def _prompt(text: str, where: str) -> tuple[Message, ...]:
    """A question, or a conversation whose later turns follow marks of their own."""
    first, *rest = text.split(_TURN)
    turns = [Message(role="user", content=first.removesuffix("\n") if rest else first)]
    for place, part in enumerate(rest):
        name, _, content = part.partition("\n")
        role = _ROLES.get(name.strip())
        if role is None:
            return prompt_turns(text, where, "prompt")  # somebody wrote the mark himself
        content = content if place == len(rest) - 1 else content.removesuffix("\n")
        turns.append(Message(role=role, content=content))
    return prompt_turns([{"role": each.role, "content": each.content} for each in turns], where, "prompt")


class _Said(NamedTuple):
    """What one annotator said of two responses."""

    strength: float | None
    reason: str = ""
    feedback: tuple[str, str] = ("", "")
    """Of the first and of the second response."""


def preference_2(row: Row) -> Pair | str:
    """Two responses and `preference_strength`, from -3 (the first is much better) to 3.

    Of the single preferences those count that the strength was made of: the three that are most alike.
    """
    values = fields.mapping(row)
    parts = [_text(values.get(name)) for name in ("preference_statement", "preference_elaboration")]
    single = [
        _Said(_strength(each.get("strength"), row, "a single preference"))
        for each in _listed(row, "three_most_similar_preferences")
        or _listed(row, "all_preferences_unprocessed")
    ]
    reasons = [" ".join(each for each in parts if each)]
    prompt = _prompt(fields.text(row, "prompt"), row.where)
    return _two(row, prompt, ("response_1", "response_2"), "preference_strength", single, reasons)


def preference_3(row: Row) -> Pair | str:
    """Two responses to a conversation, `overall_preference` from -3 to 3, and what each annotator said.

    What they said of the rejected response is the critique; the rest of their words is in the provenance.
    """
    values = fields.mapping(row)
    single = [
        _Said(
            _strength(each.get("score"), row, "a single preference"),
            _text(each.get("reasoning")),
            (_text(each.get("feedback1")), _text(each.get("feedback2"))),
        )
        for each in _listed(row, "individual_preference")
    ]
    about = {name: values[name] for name in ("domain", "language") if not is_empty(values.get(name))}
    prompt = prompt_turns(values.get("context"), row.where, "context")
    reasons = [each.reason for each in single]
    return _two(row, prompt, ("response1", "response2"), "overall_preference", single, reasons, about)


def _two(
    row: Row,
    prompt: tuple[Message, ...],
    sides: tuple[str, str],
    column: str,
    single: Sequence[_Said],
    reasons: Sequence[str],
    about: Mapping[str, Any] | None = None,
) -> Pair | str:
    """The pair of two responses; where there are single votes, `label_prob` is the share for the chosen one."""
    strength = _strength(fields.mapping(row).get(column), row, column)
    one, other = (fields.text(row, name) for name in sides)
    cast = [
        EVEN if each.strength == 0 else float(each.strength > 0)
        for each in single
        if each.strength is not None
    ]
    if strength is None:
        return FAILED
    if strength == 0:
        return NO_PREFERENCE
    if one == other:
        return SAME_TEXT
    share = sum(cast) / len(cast) if cast else float(strength > 0)
    if (share - EVEN) * strength <= 0:
        return AGAINST
    second = strength > 0
    of_chosen, of_rejected = (
        [text for each in single if (text := each.feedback[place])]
        for place in (int(second), int(not second))
    )
    words = {"reasons": [each for each in reasons if each], "feedback": of_chosen}
    return Pair(
        prompt=prompt,
        chosen=said(other if second else one),
        rejected=said(one if second else other),
        label_prob=share if second else 1 - share,
        score_gap=abs(strength),
        critique="\n\n".join(of_rejected) or None,
        provenance={**(about or {}), **{name: given for name, given in words.items() if given}},
    )


def _strength(value: Any, row: Row, column: str) -> float | None:
    found = rating(value, f"{row.where}: {column!r}")
    if found is not None and abs(found) > STRONGEST:
        raise PromptFileError(
            f"{row.where}: {column!r} is {found:g}; it must be from -3 (the first is better) to 3"
        )
    return found


def _listed(row: Row, column: str) -> Sequence[Mapping[str, Any]]:
    given = fields.mapping(row).get(column)
    if is_empty(given):
        return []
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise PromptFileError(f"{row.where}: {column!r} must be a list of objects")
    return given


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def edit_quality(row: Row) -> Pair | str:
    """A good edit of a response against a bad one; the response itself is neither."""
    values = fields.mapping(row)
    good, bad = (fields.text(row, f"{kind}_edited_response") for kind in ("good", "bad"))
    prompt = prompt_turns(values.get("context"), row.where, "context")
    if good == bad:
        return SAME_TEXT
    return Pair(prompt=prompt, chosen=said(good), rejected=said(bad), label_prob=1.0)


FORMAT = (
    Format(
        name="helpsteer",
        help="HelpSteer 1 and 2: an answer a row, rated by attribute; import pairs the most helpful with the least",
        pairs=PairFormat(
            shape="`prompt`, `response`, `helpfulness`, `correctness`, `coherence`, `complexity`, `verbosity`: 0 to 4",
            recognises=has(("prompt", "response", "helpfulness")),
            rank=11,
            read=read_rated,
        ),
    ),
    Format(
        name="helpsteer2-preference",
        help="HelpSteer 2's preferences, with their strength",
        pairs=PairFormat(
            shape="`prompt`, `response_1`, `response_2`, `preference_strength`: -3 (the first is better) to 3",
            recognises=has(("prompt", "response_1", "response_2", "preference_strength")),
            rank=12,
            read=each_row(preference_2),
        ),
    ),
    Format(
        name="helpsteer3",
        help="HelpSteer 3's preferences; `label_prob` is the share of its annotators",
        pairs=PairFormat(
            shape="`context`: turns, `response1`, `response2`, `overall_preference`: -3 to 3, `individual_preference`",
            recognises=has(("context", "response1", "response2", "overall_preference")),
            rank=13,
            read=each_row(preference_3),
        ),
    ),
    Format(
        name="helpsteer3-edit-quality",
        help="HelpSteer 3's good and bad edits of a response",
        pairs=PairFormat(
            shape="`context`: turns, `good_edited_response`, `bad_edited_response`",
            recognises=has(("context", "good_edited_response", "bad_edited_response")),
            rank=14,
            read=each_row(edit_quality),
        ),
    ),
)

"""Pairs that somebody changed by hand after their run was finished: used where that is said, else refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.pairs import pair_row
from rlaif.records import Pair
from rlaif.runs.identity import run_id
from rlaif.runs.seal import edited
from rlaif.store import Store, find_store

EDITED = "pairs were edited by hand after their run was finished (--edited)"
"""What provenance says of what was made of them."""


def as_edited(source: Path, files: Sequence[Path], allowed: bool) -> list[str]:
    """What is worth saying of edited files of pairs. Raises InputError where nobody said that they may be.

    Args:
        source: The run, the round, or the file.
        files: The files of pairs that are read.
        allowed: Whether it was said that they are edited on purpose.
    """
    changed = edited(source, files)
    if changed and not allowed:
        raise InputError(
            f"{changed[0]}: was changed after its run was finished (its digest is another); run the run's own command "
            "again, which writes it anew, or say --edited if it was changed on purpose"
        )
    return [f"{', '.join(map(str, changed))}: {EDITED}"] if changed else []


def turned_pairs(source: Path, facts: Mapping[str, Any], pairs: Sequence[Pair], store: Path | None) -> int:
    """How many pairs have another side or label than the run put in its store; 0 where that has none of them."""
    place = find_store(source, store)
    if "command" not in facts or not place.is_file():
        return 0
    with Store.open(place, writes=False) as held:
        rows = held.pair_rows(run_id(facts["command"], facts["config"]))
    kept = {row["id"]: (row["chosen"], row["rejected"], row["label_prob"]) for row in rows}
    own = ((pair.id, pair_row(pair)) for pair in pairs)
    return sum(
        name in kept and kept[name] != (row["chosen"], row["rejected"], row["label_prob"])
        for name, row in own
    )


def against_scores(pairs: Sequence[Pair]) -> str | None:
    """What to say of pairs whose label prefers the side with the lower score of their own; None without any.

    Said of pairs from elsewhere: where a run compares what it has scored, a comparison may overrule the scores.
    """
    scored = [each for each in pairs if each.chosen_score is not None and each.rejected_score is not None]
    lower = sum((each.chosen_score or 0.0) < (each.rejected_score or 0.0) for each in scored)
    if not lower:
        return None
    return f"{lower} of {len(scored)} scored pairs prefer the side with the lower score: look whether they are turned"

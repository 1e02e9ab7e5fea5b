"""Everything that made a run is read in parts: times as dates, steps by name, digests folded."""

from __future__ import annotations

from rlaif.review.numbers import moment
from rlaif.review.view.facts import parts_of


def test_times_are_dates_and_steps_are_named() -> None:
    config = {"recipe": {"round": [{"step": "sample", "n": 6}, {"step": "judge", "protocol": "checklist"}]}}
    facts = {
        "command": "run",
        "started": 1_790_000_000.25,
        "took_s": 36.0,
        "config": config,
        "files": {"x": "sha"},
    }
    first, second, last = parts_of(facts)
    assert first.rows == [("command", "run"), ("started", moment(1_790_000_000.25)), ("took", "36 s")]
    assert ("recipe.round.2 judge.protocol", "checklist") in second.rows
    assert (last.folded, second.folded) == (True, False)


def test_long_lists_are_counted() -> None:
    [part] = parts_of({"ids": list(range(20)), "few": [1, 2]})
    assert part.rows == [("ids", "20 entries"), ("few", "[1, 2]")]

"""Shards of a store merge by key: nothing twice, nothing lost, nothing overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.errors import StoreError
from rlaif.records import Message, Score, ScoreRequest
from rlaif.store import Store, call_key


def ask(number: int) -> ScoreRequest:
    text = f"Rule {number}.\nDoes it?"
    return ScoreRequest(
        id=str(number), messages=(Message(role="user", content=text),), continuations=("yes",)
    )


def reply(number: int, error: str | None = None) -> Score:
    return Score(request_id=str(number), logprobs=() if error else (-float(number),), error=error)


def store(path: Path, numbers: Sequence[int], failed: Sequence[int] = (), shift: int = 0) -> Path:
    with Store.open(path) as opened:
        calls = [(call_key("m", ask(n)), ask(n), reply(n + shift)) for n in numbers]
        calls += [(call_key("m", ask(n)), ask(n), reply(n, "no answer")) for n in failed]
        opened.put_many("m", calls)
    return path


def held(opened: Store, numbers: Sequence[int]) -> list[float]:
    keys = [call_key("m", ask(n)) for n in numbers]
    found = opened.get_many(keys, [str(n) for n in numbers])
    return [found[key].logprobs[0] for key in keys if isinstance(found.get(key), Score)]  # type: ignore[union-attr]


def test_shards_that_overlap_merge_once(tmp_path: Path) -> None:
    one, other = store(tmp_path / "one", range(6)), store(tmp_path / "other", range(4, 10))
    with Store.open(tmp_path / "all") as whole:
        assert [whole.merge(one), whole.merge(other), whole.merge(one), whole.merge(other)] == [6, 4, 0, 0]
        assert held(whole, range(10)) == [-float(n) for n in range(10)]
        assert whole.counts()["calls"] == 10
        call = whole.call(call_key("m", ask(7)))
    assert call is not None
    assert call.request == replace(ask(7), id=call.request.id)


def test_the_first_reply_stays_and_a_failure_gives_way(tmp_path: Path) -> None:
    first = store(tmp_path / "all", [0], failed=[1])
    later = store(tmp_path / "later", [0, 1], shift=5)
    with Store.open(first) as whole:
        assert whole.merge(later) == 1
        assert held(whole, [0, 1]) == [0.0, -6.0]


def test_failures_of_a_shard_are_not_taken_over(tmp_path: Path) -> None:
    shard = store(tmp_path / "shard", [0], failed=[1])
    with Store.open(tmp_path / "all") as whole:
        assert whole.merge(shard) == 1
        assert whole.counts()["calls"] == 1


def test_what_is_no_store_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Sir or Madam, this is no database at all.")
    with Store.open(store(tmp_path / "all", [0])) as whole:
        with pytest.raises(StoreError, match="letter"):
            whole.merge(tmp_path / "letter")
        assert whole.merge(store(tmp_path / "shard", [1])) == 1

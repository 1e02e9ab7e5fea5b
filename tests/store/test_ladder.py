"""Stores of earlier versions: migrated in one transaction, with a backup beside them; later ones are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rlaif.errors import StoreError
from rlaif.store import Store, ladder
from rlaif.store.decisions import ReviewDecision, decisions, put_decision

OURS = ladder.STEPS


def with_note(store: sqlite3.Connection) -> None:
    store.execute("ALTER TABLE prompts ADD COLUMN note TEXT NOT NULL DEFAULT ''")


def with_index(store: sqlite3.Connection) -> None:
    store.execute("CREATE INDEX prompts_by_note ON prompts (note)")


def failing(store: sqlite3.Connection) -> None:
    store.execute("CREATE TABLE half_done (id)")
    raise sqlite3.OperationalError("no room")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step but those of the test."""
    monkeypatch.setattr(ladder, "STEPS", ())


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store of version 1 that holds something."""
    path = tmp_path / "store.sqlite"
    with Store.open(path) as store:
        put_decision(store, ReviewDecision(pair="p", reviewer="ada", prefers="c"))
    return path


def looked_at(path: Path) -> tuple[int, set[str]]:
    with closing(sqlite3.connect(path)) as store:
        names = {name for (name,) in store.execute("SELECT name FROM sqlite_master")}
        columns = {row[1] for row in store.execute("PRAGMA table_info(prompts)")}
        return store.execute("PRAGMA user_version").fetchone()[0], names | columns


def test_every_step_is_taken_and_the_store_as_it_was_is_kept(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "STEPS", (with_note, with_index))
    with Store.open(old) as store:
        assert [each.prefers for each in decisions(store)] == ["c"]
    version, names = looked_at(old)
    assert version == 3
    assert {"note", "prompts_by_note"} <= names
    kept, names = looked_at(old.with_name("store.sqlite.v1.bak"))
    assert kept == 1
    assert "note" not in names
    assert sorted(each.name for each in old.parent.iterdir()) == ["store.sqlite", "store.sqlite.v1.bak"]


def test_a_store_in_the_middle_of_the_ladder_takes_the_rest(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "STEPS", (with_note,))
    Store.open(old).close()
    monkeypatch.setattr(ladder, "STEPS", (with_note, with_index))
    Store.open(old).close()
    assert looked_at(old)[0] == 3
    assert looked_at(old.with_name("store.sqlite.v2.bak"))[0] == 2


def test_a_new_store_climbs_too_and_leaves_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "STEPS", (with_note,))
    Store.open(tmp_path / "new.sqlite").close()
    version, names = looked_at(tmp_path / "new.sqlite")
    assert version == 2
    assert "note" in names
    assert [each.name for each in tmp_path.iterdir()] == ["new.sqlite"]


def test_a_step_that_fails_leaves_the_store_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "STEPS", (with_note, failing))
    with pytest.raises(StoreError, match="no room"):
        Store.open(old)
    version, names = looked_at(old)
    assert version == 1
    assert not {"note", "half_done"} & names
    monkeypatch.setattr(ladder, "STEPS", (with_note,))
    with Store.open(old) as store:
        assert len(decisions(store)) == 1


def test_what_is_in_the_log_only_is_in_the_backup(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(old) as reader:  # keeps the log from being folded in
        put_decision(reader, ReviewDecision(pair="q", reviewer="ada", prefers="d"))
        monkeypatch.setattr(ladder, "STEPS", (with_note,))
        Store.open(old).close()
    with closing(sqlite3.connect(old.with_name("store.sqlite.v1.bak"))) as kept:
        assert kept.execute("SELECT count(*) FROM decisions").fetchone() == (2,)


def test_a_store_that_is_merged_is_migrated_first(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "STEPS", (*OURS, with_note))
    with Store.open(tmp_path / "other.sqlite") as store:
        assert store.merge(old) == 0
    assert looked_at(old)[0] == ladder.newest()


def test_a_store_of_a_newer_rlaif_is_refused_with_the_remedy(old: Path) -> None:
    with closing(sqlite3.connect(old)) as store:
        store.execute("PRAGMA user_version = 7")
    with pytest.raises(
        StoreError, match=r"version 7, which a newer rlaif made; this one reads up to 1: upgrade"
    ):
        Store.open(old)
    assert looked_at(old)[0] == 7

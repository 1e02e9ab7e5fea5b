"""What is damaged in a store costs that call alone and is said, or is refused with the remedy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rlaif.errors import DiskError, RlaifError, StoreError
from rlaif.records import GenerateRequest as Drawn
from rlaif.records import Generation, Message, Sampling, Score, ScoreRequest, Usage
from rlaif.store import Store, files, ladder
from rlaif.store.decisions import ReviewDecision, decisions, put_decision, undo_decision
from rlaif.store.writer import Writer

SCORED = Score(request_id="r", logprobs=(-0.1, -2.5), usage=Usage(prompt_tokens=7))
WRITTEN = Generation(request_id="r", text="Hé", finish="stop", usage=Usage(completion_tokens=2))


def ask(text: str) -> ScoreRequest:
    return ScoreRequest(id=text, messages=(Message(role="user", content=text),), continuations=("a", "b"))


def draw(text: str) -> Drawn:
    return Drawn(id=text, messages=(Message(role="user", content=text),), sampling=Sampling(), seed=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a score, a text and another score."""
    made = tmp_path / ".rlaif" / "store.sqlite"
    with Store.open(made) as store:
        store.put_many("m", [("s", ask("s"), SCORED), ("t", draw("t"), WRITTEN), ("o", ask("o"), SCORED)])
    return made


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as store:
        for each in statements:
            store.execute(each)
        store.commit()


SCORE, TEXT = "UPDATE calls SET {} WHERE key = 's'", "UPDATE calls SET {} WHERE key = 't'"
DAMAGED = [
    SCORE.format("""reply = '{"logprobs": [-0.1'"""),
    SCORE.format("""reply = '{"logprobs": [-2.5, -0.1]}'"""),
    SCORE.format("""reply = '{"logprobs": ["a", null]}'"""),
    SCORE.format("""reply = '[]'"""),
    SCORE.format("reply = x'7bff'"),
    SCORE.format("reply = CAST(x'7bff' AS TEXT)"),
    SCORE.format("reply = 5"),
    SCORE.format("prompt_tokens = 'many'"),
    SCORE.format("prompt_tokens = 70"),
    SCORE.format("kind = 'generate'"),
    SCORE.format("digest = NULL"),
    TEXT.format("reply = replace(reply, 'H', 'J')"),
    TEXT.format("""reply = '{"text": 5, "finish": "stop", "token_ids": null, "logprob": null}'"""),
    TEXT.format("""reply = '{"text": "x", "finish": "end", "token_ids": ["a"], "logprob": null}'"""),
]


@pytest.mark.parametrize("statement", DAMAGED)
@pytest.mark.parametrize("version", ["written by this version", "migrated"])
def test_a_damaged_reply_is_not_there_said_once_and_replaced_by_the_next_one(
    path: Path, statement: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    if version == "migrated":
        if any(word in statement for word in ("digest", "replace", "[-2.5, -0.1]", "= 70")):
            pytest.skip("an earlier version kept no digests")
        change(path, "ALTER TABLE calls DROP COLUMN digest", "PRAGMA user_version = 1")
    change(path, statement)
    key, reply = ("s", SCORED) if "'s'" in statement else ("t", WRITTEN)
    with Store.open(path) as store:
        found = store.get_many(["s", "t", "o"], ["r", "r", "r"])
        assert set(found) == {"s", "t", "o"} - {key}
        store.get_many([key], ["r"])
        with pytest.raises(StoreError, match=f"call {key} is damaged"):
            store.call(key)
        store.put_many("m", [(key, ask("s") if key == "s" else draw("t"), reply)])
        assert store.get_many([key], ["r"]) == {key: reply}
        call = store.call(key)
        assert call is not None
        assert call.reply is not None
    said = [each.getMessage() for each in caplog.records]
    assert len(said) == 1
    assert "is damaged" in said[0]
    assert "asked again" in said[0]


@pytest.mark.parametrize("statement", ["request = '{oops'", "request = '[]'", "request = x'ff'"])
def test_a_damaged_request_is_refused_where_it_is_shown_and_costs_no_reply(
    path: Path, statement: str
) -> None:
    change(path, SCORE.format(statement))
    with Store.open(path) as store:
        assert store.get_many(["s"], ["r"]) == {"s": SCORED}
        with pytest.raises(StoreError, match="the request of call s is damaged"):
            store.call("s")


@pytest.mark.parametrize("value", ["x'00'", "'text'", "5"])
def test_a_damaged_text_is_noticed(path: Path, value: str) -> None:
    change(path, f"UPDATE blobs SET bytes = {value}")
    with Store.open(path) as store, pytest.raises(StoreError, match="is damaged"):
        store.call("s")


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["DROP VIEW judgments", "ALTER TABLE calls DROP COLUMN tries"], "calls has no tries"),
        (["DROP TABLE decisions"], "decisions has no"),
        (["PRAGMA user_version = 0"], "has no version"),
        (["PRAGMA user_version = 99"], "upgrade rlaif"),
        (["PRAGMA application_id = 5"], "another program's database"),
    ],
)
def test_tables_that_are_not_ours_are_refused_with_the_remedy(
    path: Path, statements: list[str], said: str
) -> None:
    change(path, *statements)
    with pytest.raises(StoreError, match=said) as caught:
        Store.open(path)
    assert "--store" in str(caught.value)


def test_a_store_cut_to_nothing_and_a_directory_are_refused(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="is empty, what it held is gone"):
        Store.open(path)
    assert path.read_bytes() == b""
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="it is a directory"):
        Store.open(path)


def test_a_store_whose_log_was_removed_says_so(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Store.open(path):
        for each in (path.name, f"{path.name}-shm"):
            shutil.copyfile(path.with_name(each), path.with_name(f"{each}.kept"))
    os.replace(path.with_name(f"{path.name}.kept"), path)
    os.replace(path.with_name(f"{path.name}-shm.kept"), path.with_name(f"{path.name}-shm"))
    with Store.open(path):
        pass
    assert "its log (store.sqlite-wal) was removed" in caplog.text


def test_a_new_store_beside_finished_runs_says_that_they_are_not_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "runs" / "r1" / "run.json"
    run.parent.mkdir(parents=True)
    run.write_text("{}")
    place = tmp_path / ".rlaif" / "store.sqlite"
    Store.open(place).close()
    assert "is new, and what earlier runs" in caplog.text
    caplog.clear()
    Store.open(place).close()
    assert caplog.text == ""


def test_a_folder_that_is_removed_under_a_command_is_said_at_the_next_write(path: Path) -> None:
    with Store.open(path) as store:
        shutil.rmtree(path.parent)
        with pytest.raises(DiskError, match="was removed or replaced while") as caught:
            store.put_many("m", [("n", ask("n"), SCORED)])
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("row", ["{oops", "[]", "5", '{"prefers": 5}', '{"prefers": ["a"]}', "null"])
def test_a_damaged_decision_is_left_out_and_said(
    path: Path, row: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Store.open(path) as store:
        put_decision(store, ReviewDecision(pair="p", reviewer="ada", prefers="c"))
    change(path, f"INSERT INTO decisions VALUES ('q', 'bob', '{row}', 1)")
    with Store.open(path) as store:
        assert [each.pair for each in decisions(store)] == ["p"]
        assert undo_decision(store, "q", "bob") is None
    assert "a decision of bob on pair q is damaged" in caplog.text


@pytest.fixture
def only_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store that nobody may write; whoever tries is root in a container, whom no mode keeps out."""
    monkeypatch.setattr("rlaif.store.store.writable", lambda _: False)
    for each in (path, path.parent):
        each.chmod(each.stat().st_mode & ~0o222)
    yield path
    for each in (path.parent, path):
        each.chmod(each.stat().st_mode | 0o200)


@pytest.mark.parametrize("version", ["this version's", "an earlier version's"])
def test_a_store_that_cannot_be_written_is_read_and_nothing_is_left_beside_it(
    path: Path, version: str, request: pytest.FixtureRequest
) -> None:
    if version != "this version's":
        change(path, "ALTER TABLE calls DROP COLUMN digest", "PRAGMA user_version = 1")
    request.getfixturevalue("only_read")
    before = path.read_bytes()
    with Store.open(path, writes=False) as store:
        assert store.get_many(["s"], ["r"]) == {"s": SCORED}
        assert store.call("t") is not None
        with pytest.raises(RlaifError, match="readonly"):
            store.put_many("m", [("n", ask("n"), SCORED)])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_only_the_log_holds_is_read_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = path.parent.with_name("copy")
    folder.mkdir()
    with Store.open(path) as store:
        store.put_many("m", [("n", ask("n"), SCORED)])
        for each in (path.name, f"{path.name}-wal"):
            shutil.copyfile(path.with_name(each), folder / each)
    monkeypatch.setattr("rlaif.store.store.writable", lambda _: False)
    monkeypatch.setattr("rlaif.store.files._opened", _cannot_make_an_index)
    with Store.open(folder / path.name, writes=False) as store:
        assert store.get_many(["n"], ["r"]) == {"n": SCORED}
    assert sorted(each.name for each in folder.iterdir()) == ["store.sqlite", "store.sqlite-wal"]


OPENED = files._opened


def _cannot_make_an_index(path: Path, how: str) -> sqlite3.Connection:
    if how == "mode=ro":
        raise sqlite3.OperationalError("unable to open database file")
    return OPENED(path, how)


KILLED = """
import os, sys
from pathlib import Path
from rlaif.store import files, ladder, store
count = int(sys.argv[2])
def after(name, call):
    def counted(*given, **named):
        global count
        count -= 1
        if count < 0:
            os._exit(9)
        return call(*given, **named)
    return counted
for name in ("link", "replace", "unlink"):
    setattr(os, name, after(name, getattr(os, name)))
files.sqlite3.connect = after("connect", files.sqlite3.connect)
ladder.make = after("make", ladder.make)
store.Store.open(Path(sys.argv[1])).close()
"""


@pytest.mark.parametrize("count", range(6))
def test_a_kill_while_a_store_is_made_leaves_none_or_a_whole_one(count: int, tmp_path: Path) -> None:
    path = tmp_path / ".rlaif" / "store.sqlite"
    subprocess.run([sys.executable, "-c", KILLED, str(path), str(count)], check=False)
    assert not path.exists() or path.stat().st_size
    with Store.open(path) as store:
        store.put_many("m", [("n", ask("n"), SCORED)])


def test_a_migration_gives_each_reply_its_digest(path: Path) -> None:
    change(path, "ALTER TABLE calls DROP COLUMN digest", "PRAGMA user_version = 1")
    with Store.open(path) as store:
        assert len(store.get_many(["s", "t", "o"], ["r", "r", "r"])) == 3
    change(path, SCORE.format("""reply = '{"logprobs": [-2.5, -0.1]}'"""))
    with Store.open(path) as store:
        assert set(store.get_many(["s", "t", "o"], ["r", "r", "r"])) == {"t", "o"}
    assert ladder.newest() == 2


def test_a_writer_that_meets_anything_at_all_says_so(path: Path) -> None:
    class Odd:
        error = None
        usage = Usage()

    with (
        Store.open(path) as store,
        pytest.raises(RlaifError, match="what arrived cannot be kept"),
        Writer(store, "m", "run") as writer,
    ):
        writer.add("n", ask("n"), Odd())  # type: ignore[arg-type]

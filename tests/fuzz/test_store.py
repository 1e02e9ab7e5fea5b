"""A store whose bytes or rows somebody changed: every command says what it found, and no reply is made up."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rlaif.cli.main import main
from tests.fuzz.fuzzing import cases, mutated

pytestmark = pytest.mark.heavy
STORE = Path(".rlaif", "store.sqlite")
VALUES = (
    *("NULL", "''", "'{oops'", "'[]'", "'null'", "5", "-1", "1e400", "x'00ff'", "CAST(x'7bff' AS TEXT)"),
    *("""'{"logprobs": [5.0]}'""", """'{"text": 5}'""", "'\ud7ff'", "9223372036854775807", "'b2:00'"),
)
SCHEMA = (
    *("PRAGMA user_version = 0", "PRAGMA user_version = 1", "PRAGMA user_version = 3"),
    *("PRAGMA application_id = 1", "DROP VIEW judgments", "DROP TABLE decisions", "DROP TABLE blobs"),
    *("DROP INDEX pairs_by_id", "DELETE FROM blobs", "DELETE FROM calls", "DELETE FROM pairs"),
    "CREATE TABLE further (a)",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run, made once."""
    folder = tmp_path_factory.mktemp("project")
    with standing_in(folder):
        code, _, told = ran(["generate", "--limit", "2", "--n", "2", "--out", "runs/r"])
    assert code in (0, 3), told
    return folder


@contextlib.contextmanager
def standing_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def ran(command: list[str]) -> tuple[int, str, str]:
    """Exit code and what was printed; a traceback is code 99."""
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        try:
            code = main(command)
        except BaseException:  # noqa: BLE001 - that is what is looked for
            return 99, out.getvalue(), traceback.format_exc()
    return code, out.getvalue(), told.getvalue()


def change(path: Path, rng: random.Random) -> str:
    """Do something to a store; says what."""
    if rng.random() < 0.5:
        path.write_bytes(mutated(path.read_bytes(), rng, (b"\0" * 64, b"\xff" * 64)))
        return "bytes"
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA writable_schema = ON")
        if rng.random() < 0.2:
            statement = rng.choice(SCHEMA)
        else:
            table = rng.choice(
                ["calls", "calls", "calls", "blobs", "pairs", "decisions", "prompts", "completions"]
            )
            columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
            # by the digits that a row's first column ends with, so that a case is the same at every repetition
            part = f" WHERE unicode(substr({columns[0]}, -1)) % 10 < {rng.randint(1, 9)}"
            some = "" if rng.random() < 0.3 else part
            statement = f"UPDATE {table} SET {rng.choice(columns)} = {rng.choice(VALUES)}{some}"
        with contextlib.suppress(sqlite3.Error):
            store.execute(statement)
            store.commit()
        return statement


def alike(one: bytes, other: bytes) -> bool:
    """Whether rows of pairs are the same but for the last digits of their numbers."""
    rows = [[json.loads(row) for row in each.splitlines()] for each in (one, other)]
    return same(*rows)


def same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < 1e-4
    return one == other


def test_a_changed_store_is_said_or_refused_and_makes_no_other_pairs(project: Path, tmp_path: Path) -> None:
    whole = (project / "runs" / "r" / "pairs.jsonl").read_bytes()
    first = whole.split(b'"id": "', 1)[1].split(b'"', 1)[0].decode() if whole else "b2:123456"
    for number, rng in cases():
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(project, copy)
        what = change(copy / STORE, rng)
        command = rng.choice(
            [
                ["audit", "show", first, "--run", "runs/r", "--calls", "9"],
                ["status", "runs/r"],
                ["audit", "runs/r"],
                ["pack", "runs/r", "--out", "p.tar.gz"],
                ["generate", "--limit", "2", "--n", "2", "--out", "runs/r2"],
                ["generate", "--limit", "2", "--n", "2", "--out", "runs/r2", "--dry-run"],
                ["constitution", "diff", "runs/r", "micro-default", "--impact", "runs/r"],
                ["export", "runs/r", "--out", "ex", "--reviewed", "drop"],
                ["report", "runs/r"],
            ]
        )
        with standing_in(copy):
            code, _, told = ran(command)
        assert code in (0, 1, 2, 3), f"case {number}: {what}: {command}: {told[-2000:]}"
        again = copy / "runs" / "r2" / "pairs.jsonl"
        if code == 0 and again.is_file() and again.read_bytes() != whole:
            # replies that are asked again stand in other batches, which agree up to the last digits
            assert "damaged" in told, f"case {number}: {what}: other pairs, unsaid"
            assert alike(again.read_bytes(), whole), f"case {number}: {what}: other pairs"

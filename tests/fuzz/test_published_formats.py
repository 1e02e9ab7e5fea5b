"""Rows of every published layout with one thing changed in them: they are read, or refused in one sentence of ours."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rlaif.auditing.head_to_head import head_to_head
from rlaif.errors import InputError
from rlaif.exchange.benchmarks import read_gold, read_recorded
from rlaif.exchange.pairs import pair_row, read_pairs, write_pairs
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.hashing import digest
from tests.exchange.benchmarks import cases as gold
from tests.exchange.formats.published import LAYOUTS

from .fuzzing import cases, mutated

T = TypeVar("T")
pytestmark = pytest.mark.heavy

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 1.5, 10**400, float("inf"), float("nan"), "", " ", "x", "1", "-1", "A", "A>B",
    "tie", "model_a", "N/A", "\ud800", "\x00", "\n\nHuman: a\n\nAssistant: b", "<extra_id_1>", "<extra_id_1>User\n",
    "[{", '["a", 1]', [], ["x"], [None], [[]], [1, "2"], {}, {"role": "user"}, {"role": "assistant", "content": "x"},
    {"from": "gpt", "value": 5}, [{"role": "tool", "content": "x"}], {"value": []}, {"sample": None}, "x" * 5000,
)  # fmt: skip
WORDS = (b"null", b"[", b"{}", b'"', b"1e999")
NAMES = (
    "prompt",
    "chosen",
    "rejected",
    "messages",
    "label",
    "responses",
    "completions",
    "context",
    "fields",
    "",
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with a key of it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


def changed(rows: list[Any], rng: random.Random) -> list[Any]:
    """The rows with a few values replaced, dropped, doubled, renamed, or taken from elsewhere."""
    rows = copy.deepcopy(rows)
    for _ in range(rng.randint(1, 3)):
        held, key = rng.choice(places(rows) or [(rows, 0)])
        match rng.randrange(6):
            case 0 | 1 | 2:
                held[key] = copy.deepcopy(rng.choice(ODD))
            case 3:
                del held[key]
            case 4 if isinstance(held, dict):
                held[rng.choice(NAMES)] = held.pop(key)
            case _:
                held[key] = copy.deepcopy(rng.choice([other[name] for other, name in places(rows)]))
        if not places(rows):
            break
    return rows


def lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read_or_refused(read: Callable[[], T], path: Path, case: str) -> T | None:
    """What came of it; None where it was refused in a sentence that names the file."""
    try:
        return read()
    except InputError as wrong:
        refused = str(wrong)
    except Exception as problem:
        raise AssertionError(f"{case}: {path.read_bytes()!r}") from problem
    assert str(path) in refused, f"{case}: {refused}"
    return None


def test_a_changed_layout_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for number, rng in cases(2):
        layout = LAYOUTS[rng.choice(sorted(LAYOUTS))]
        data = lines(changed(list(layout.rows), rng))
        path.write_bytes(mutated(data, rng, WORDS) if number % 4 == 0 else data)
        named = layout.format if number % 2 else None
        case = f"case {number}, {layout.format}"
        found = read_or_refused(partial(read_preferences, path, format=named), path, case)
        if found:
            write_pairs(tmp_path / "pairs.jsonl", found.pairs)
            assert digest(case, [pair_row(pair) for pair in found.pairs])
            assert [each.id for each in read_pairs(tmp_path / "pairs.jsonl")] == [
                each.id for each in found.pairs
            ], case


def test_a_changed_gold_set_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for number, rng in cases(2):
        name = rng.choice(sorted(gold.FORMATS))
        rows = [*gold.FORMATS[name], *gold.LLMBAR_RECORDED] if number % 5 == 0 else list(gold.FORMATS[name])
        data = lines(changed(rows, rng))
        path.write_bytes(mutated(data, rng, WORDS) if number % 4 == 0 else data)
        case = f"case {number}, {name}"
        read_or_refused(partial(read_gold, path, name=name if number % 2 else None), path, case)
        recorded = read_or_refused(partial(read_recorded, path), path, case)
        for each in head_to_head(recorded.annotations, seed=number) if recorded else ():
            assert each.win_rate is None or 0 <= each.win_rate.value <= 1, case

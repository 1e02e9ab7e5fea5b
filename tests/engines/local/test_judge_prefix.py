"""The bench itself: it asks what it says, and its rows have the keys that others read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rlaif.engines.open import open_engine
from tests.scripts import script

BENCH = Path(__file__).resolve().parents[3] / "benchmarks" / "judge_prefix.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BENCH.parent), *sys.path])
        return script(BENCH)


def test_the_bench_prints_its_rows_as_one_json_object(
    bench: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.main(["--engine", "hf", "--shape", "tiny", "--tokens", "20", "--orders", "1", "--json"])
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert {"engine": "hf", "tokens": 20, "suffix": 40}.items() <= row.items()
    assert row["difference"] <= 1e-4
    assert row["speedup_vs_batched_naive"] > 0
    assert row["price_vs_one_principle"] > 0


@pytest.mark.parametrize(("tokens", "suffix"), [(20, 40), (50, 80)])
def test_the_benchs_questions_share_all_but_a_suffix_of_the_wanted_length(
    bench: ModuleType, tmp_path: Path, tokens: int, suffix: int
) -> None:
    bench.write_model(tmp_path, bench.SHAPES["tiny"])
    chat = open_engine(str(tmp_path), device="cpu").chat
    orders = [bench.case(chat, bench.Ask(tokens, suffix, False), order) for order in (0, 1)]
    for each in orders:
        assert len(each.ids) == 16
        assert each.shared > 2 * tokens
        assert all(len(ids) == each.shared + suffix for ids in each.ids)
        assert len({tuple(ids[: each.shared]) for ids in each.ids}) == 1
    assert orders[0].ids[0] != orders[1].ids[0]
    first = bench.case(chat, bench.Ask(tokens, suffix, True), 0)
    assert first.shared == 0


def test_a_bound_is_counted_by_hand(bench: ModuleType) -> None:
    # 2 * (4 * 4 weights of q and o, 2 * 4 * 4 of k and v, 3 * 4 * 8) for 5 + 2 * 3 tokens; 15 + 2 * (15 + 6) pairs seen
    shape = bench.Shape(width=4, layers=1, inner=8, heads=2, kv_heads=2, vocabulary=9)
    assert bench.operations(shape, 5, 3, 2) == 2 * (32 + 32 + 96) * 11 + 4 * 4 * 57

"""The bench itself: it measures what it says, on any model."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import ModelDir

BENCH = Path(__file__).resolve().parents[2] / "benchmarks" / "judge_prefix.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("judge_prefix", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bench_prints_one_json_object(
    bench: ModuleType, model_dir: ModelDir, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.main(["--model", str(model_dir("llama")), "--completions", "1", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["prompts"] == figures["principles"] == 16
    assert figures["difference"] <= 1e-4
    assert figures["ratio"] == pytest.approx(figures["apart_s"] / figures["shared_s"])


def test_the_benchs_prompts_share_their_beginnings(bench: ModuleType) -> None:
    texts = [each.messages[0].content for each in bench.questions(2)]
    assert len(set(texts)) == 32
    assert len({text.split("Rule:")[0] for text in texts}) == 2

"""Any model directory goes the same way from prompts to pairs; one that knows nothing labels nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.engines.open import open_engine
from rlaif.engines.recorded import RecordedEngine
from rlaif.feedback import sample
from rlaif.judging import ModelJudge, RandomJudge
from rlaif.records import Sampling, State
from rlaif.store import Store
from tests.engines.tiny import TEMPLATES, write_model
from tests.judging.builders import constitution, pairs_and_funnel, principle, prompt

HOUSE = constitution(principle("warm", "The response is warm."), principle("wait", "The response says wait."))
PROMPTS = [prompt(f"how do I bake bread {word}") for word in ("first", "second", "last", "never")]
HOW = Sampling(max_tokens=16)
MAKES = [
    ("llama", "none"),
    ("llama", "system"),
    ("qwen3", "thinking"),
    ("gemma2", "no-system"),
    ("gemma3", "drops-system"),
]


@pytest.mark.parametrize(("kind", "template"), MAKES)
def test_a_random_model_writes_but_cannot_judge(tmp_path: Path, kind: str, template: str) -> None:
    assert template in TEMPLATES
    engine = open_engine(str(write_model(tmp_path, kind, template)), device="cpu")
    drawn = sample(engine, PROMPTS, n=3, sampling=HOW, seed=0).completions
    by_id = {each.id: each for each in PROMPTS}
    items = [(by_id[each.prompt_id], each) for each in drawn]
    judge = ModelJudge(engine)
    judgments = judge.checklist(items, HOUSE.principles)
    assert {each.state for each in judgments} == {State.UNREADABLE}
    pairs, funnel = pairs_and_funnel(
        PROMPTS, drawn, judgments, judge=judge, constitution=HOUSE, critic=engine
    )
    assert pairs == []
    assert funnel.unreadable_share == 1.0
    assert funnel.no_pair.get("unreadable", 0) + funnel.no_pair.get("truncated", 0) == len(PROMPTS)


def test_a_resumed_run_repeats_no_call_and_makes_the_same_pairs(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model")
    found = []
    for _ in range(2):
        with Store.open(tmp_path / "store.sqlite") as store:
            engine = RecordedEngine(open_engine(str(directory), device="cpu"), store, wave=7)
            drawn = sample(engine, PROMPTS, n=3, sampling=HOW, seed=0).completions
            by_id = {each.id: each for each in PROMPTS}
            said = ModelJudge(engine).checklist([(by_id[e.prompt_id], e) for e in drawn], HOUSE.principles)
            judge = RandomJudge(0)
            judgments = judge.checklist([(by_id[e.prompt_id], e) for e in drawn], HOUSE.principles)
            # a random model ends hardly an answer: here they count as ended
            ended = [replace(each, finish="stop") for each in drawn]
            pairs, _ = pairs_and_funnel(
                PROMPTS, ended, judgments, judge=judge, constitution=HOUSE, critic=engine
            )
            found.append((drawn, said, pairs, engine.new_calls))
    assert found[0][:3] == found[1][:3]
    assert found[0][3] > 0
    assert found[1][3] == 0
    assert found[0][2]

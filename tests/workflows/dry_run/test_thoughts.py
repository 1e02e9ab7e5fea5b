"""The dry run counts the thoughts that a judge writes before its labels, and those before answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.judging.model_judge import ModelJudge
from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.dry_run.engine import PlannedEngine, ToCome
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions
from tests.engines.tiny import write_model

TURN = (Message(role="user", content="a"),)


def test_thoughts_are_written_tokens() -> None:
    engine = PlannedEngine("openai:x", "b2:x", None, ToCome())
    scored = ScoreRequest(id="1", messages=TURN, continuations=("A", "B"), thinking=Sampling(max_tokens=64))
    [score] = engine.score([scored])
    assert len(score.logprobs) == 2
    # the label itself is a token of a server
    assert engine.planned.completion_most == 64 + 1
    how = Sampling(max_tokens=10, max_thought_tokens=20)
    list(engine.generate([GenerateRequest(id="2", messages=TURN, sampling=how)]))
    assert engine.planned.completion_most == 65 + 30


@pytest.mark.parametrize("pool", [PlannedModels, ModelPool])
def test_a_dry_run_heeds_the_marks_that_a_role_gives_a_local_model_as_the_run_does(
    tmp_path: Path, pool: type[ModelPool]
) -> None:
    name = f"hf:{write_model(tmp_path / 'plain')}"  # its template tells of no thoughts
    asked = {}
    with Store.open(tmp_path / "store.sqlite") as store:
        for marks in (None, ("(hm)", "(so)")):
            models = pool(ModelOptions())
            models.record(store, "run")
            judge = models.acting(RoleOptions(think=True, thought_marks=marks)).judge(name)
            assert isinstance(judge, ModelJudge)
            asked[marks] = judge.before_label("compare")
    assert asked == {None: "compare-cot", ("(hm)", "(so)"): "compare"}

"""The dry run counts the thoughts that a judge writes before its labels, and those before answers."""

from __future__ import annotations

from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest
from rlaif.workflows.dry_run.engine import PlannedEngine, ToCome

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

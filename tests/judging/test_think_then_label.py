"""Think, then label: one thought a question, the label's probabilities read behind it, for every label protocol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from rlaif.engines.base import BaseEngine
from rlaif.errors import InputError
from rlaif.judging import JudgeOptions, Lengths, ModelJudge
from rlaif.judging.ask_protocol import ask_pairwise, ask_pointwise, templates_of
from rlaif.judging.model_judge import BEFORE_LABEL
from rlaif.judging.protocols import Asking, Pointwise, protocols
from rlaif.judging.rbr.asking import KEY, QuestionJudge, asker
from rlaif.records import Generation, Judgment, Score, ScoreRequest, State
from rlaif.store import call_key

from .builders import completion, constitution, principle, prompt

SHORT = principle("short", "The response is short.")
ONE, TWO = completion("Mix."), completion("Mix the flour with the water.")
LABELLED = [name for name, each in protocols().items() if each.labels]


class Thinker(BaseEngine):
    """Writes a thought where it is asked to, and is sure of the first label only behind one."""

    name, fingerprint = "thinker", "b2:thinker"

    def __init__(self, *, marks: bool, knows: tuple[str, ...] | None = None) -> None:
        self.marks = marks
        self.knows = knows
        self.scored: list[ScoreRequest] = []

    def marks_thoughts(self) -> bool:
        return self.marks

    def reads(self, text: str) -> bool:
        return self.knows is None or text in self.knows

    def generate(self, requests: Iterable[object]) -> Iterator[Generation]:
        for each in requests:
            yield Generation(request_id=each.id, text="It is better.", finish="stop")  # type: ignore[attr-defined]

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in requests:
            self.scored.append(each)
            sure = 0.9 if each.thinking is not None else 0.6
            rest = (1 - sure) / (len(each.continuations) - 1)
            # half of a label's mass on each of its two spellings of one word
            logprobs = tuple(
                math.log(sure if not place else rest) for place in range(len(each.continuations))
            )
            yield Score(request_id=each.id, logprobs=logprobs, thought="It was read.")


def asked(name: str, judge: ModelJudge) -> list[Judgment]:
    chosen = protocols()[name]
    if isinstance(chosen, Pointwise):
        return ask_pointwise(chosen, judge, [(prompt(), ONE), (prompt(), TWO)], [SHORT], Asking(seed=3))
    return ask_pairwise(chosen, judge, [(prompt(), ONE, TWO)], [SHORT], Asking(seed=3))


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("marks", [True, False])
def test_every_label_protocol_reads_its_label_behind_one_thought_a_question(name: str, marks: bool) -> None:
    engine = Thinker(marks=marks)
    judge = ModelJudge(engine, options=JudgeOptions(think=True, seed=3))
    found = asked(name, judge)
    # a judge that follows position ties a tournament
    assert found
    assert all(each.value is not None or each.state is State.TIE for each in found)
    thinking = [each.thinking for each in engine.scored]
    assert all(each is not None and each.max_tokens == 512 for each in thinking)
    # a question is asked once, whatever its labels
    assert len({(each.id, each.messages) for each in engine.scored}) == len(engine.scored)
    prefixes = {each.assistant_prefix for each in engine.scored}
    stops = {each.stop for each in thinking if each is not None}
    assert (prefixes, stops) == (({""}, {()}) if marks else ({BEFORE_LABEL}, {("Answer:",)}))
    reasoned = [name for name in protocols()[name].labels]
    used = templates_of(protocols()[name], judge)
    assert all((f"{each}-cot" in used or f"{each}-cot-told" in used) != marks for each in reasoned)


@pytest.mark.parametrize("name", LABELLED)
def test_the_calls_of_a_judgment_are_those_that_were_made(name: str) -> None:
    engine = Thinker(marks=False)
    found = asked(name, ModelJudge(engine, options=JudgeOptions(think=True)))
    made = {call_key(engine.fingerprint, each) for each in engine.scored}
    assert made <= {call for each in found for call in each.calls}


def test_without_thinking_nothing_is_asked_otherwise() -> None:
    engine = Thinker(marks=True)
    asked("compare", ModelJudge(engine))
    assert all(
        each.thinking is None and each.assistant_prefix == "" and each.seed == 0 for each in engine.scored
    )


def test_a_thought_has_a_seed_of_its_own_made_of_ids() -> None:
    runs = []
    for seed in (1, 1, 2):
        engine = Thinker(marks=True)
        asked("compare", ModelJudge(engine, options=JudgeOptions(think=True, temperature=0.6, seed=seed)))
        runs.append({each.id: each.seed for each in engine.scored})
    assert runs[0] == runs[1]
    assert len(set(runs[0].values())) == len(runs[0])
    assert not set(runs[0].values()) & set(runs[2].values())


def test_the_room_and_the_temperature_of_a_thought_are_said() -> None:
    engine = Thinker(marks=True)
    options = JudgeOptions(think=True, temperature=0.6, lengths=Lengths(thought=64))
    asked("score", ModelJudge(engine, options=options))
    assert {
        (each.thinking.max_tokens, each.thinking.temperature) for each in engine.scored if each.thinking
    } == {(64, 0.6)}


def test_soft_labels_come_of_both_orders() -> None:
    found = asked("compare", ModelJudge(Thinker(marks=True), options=JudgeOptions(think=True)))
    assert [each.completion_ids for each in found] == [(ONE.id, TWO.id), (TWO.id, ONE.id)]
    # A is spelled in two ways, so is B: .9 + .1 / 3 on A, the rest on B
    assert all(
        each.value == pytest.approx(0.9 + 0.1 / 3) and each.state is State.PREFERENCE for each in found
    )


def test_a_protocol_without_a_template_to_reason_by_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("{{fenced:prompt}}{{fenced:response}}{{principle}}")
    judge = ModelJudge(Thinker(marks=False), tmp_path, options=JudgeOptions(think=True))
    with pytest.raises(InputError, match=r"no template mine-cot\.txt"):
        judge.before_label("mine")
    assert (
        ModelJudge(Thinker(marks=True), tmp_path, options=JudgeOptions(think=True)).before_label("mine")
        == "mine"
    )


def test_a_model_that_does_not_know_the_words_is_not_asked_to_reason() -> None:
    judge = ModelJudge(Thinker(marks=False, knows=()), options=JudgeOptions(think=True))
    with pytest.raises(InputError, match=r"does not know all words of the template score-cot\.txt"):
        asked("score", judge)


@pytest.mark.parametrize("marks", [True, False])
def test_imported_questions_are_thought_about_too(marks: bool) -> None:
    rules = constitution(SHORT)
    object.__setattr__(rules, "origin", {KEY: "Is it? {question}\n{response}"})
    engine = Thinker(marks=marks)
    judge = asker(ModelJudge(engine, options=JudgeOptions(think=True)), rules)
    assert isinstance(judge, QuestionJudge)
    judge.checklist([(prompt(), ONE)], [SHORT])
    [request] = engine.scored
    assert request.thinking is not None
    assert ("end with one line" in request.messages[-1].content) != marks

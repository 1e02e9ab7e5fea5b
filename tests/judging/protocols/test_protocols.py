"""What holds for every protocol, and the order in which a few of them ask."""

from __future__ import annotations

import math

import pytest

from rlaif.errors import InputError
from rlaif.judging import ModelJudge, RandomJudge
from rlaif.judging.protocols import Asking, Pointwise, asking, pairwise, pointwise, protocol, protocols
from rlaif.records import GenerateRequest, State
from rlaif.templates import load_template
from tests.judging.builders import RuleEngine, completion, principle, prompt

from .oracles import ASKED_OF_MODELS, Judging, judge_of

RULES = [principle("hello", "says hello"), principle("oven", "says oven")]
ALL = (
    "checklist checklist-cot compare compare-cot compare-json debate meta panel process process-last process-product "
    "rank rank-list reward rubric "
    "rubric-list rules score score-json steps"
)


def says(response: str, rule: str) -> bool:
    return rule.removeprefix("says ") in response


def engine() -> RuleEngine:
    judging = Judging(says)
    return RuleEngine(judging.score, judging.write)


def test_no_protocol_is_lost() -> None:
    assert set(ALL.split()) <= set(protocols())


@pytest.mark.parametrize("name", ALL.split())
def test_every_template_of_a_protocol_is_there(name: str) -> None:
    assert all(load_template(each).slots for each in protocol(name).templates)


@pytest.mark.parametrize("name", ASKED_OF_MODELS)
def test_every_judgment_names_its_calls_and_comparisons_come_in_both_orders(name: str) -> None:
    texts = [completion(text) for text in ("hello", "mix", "hello oven", "oven")]
    chosen = protocol(name)
    if isinstance(chosen, Pointwise):
        found = chosen.ask(judge_of(engine(), name), [(prompt(), each) for each in texts], RULES, Asking())
        assert {each.completion_ids for each in found} == {(each.id,) for each in texts}
    else:
        found = chosen.ask(judge_of(engine(), name), [(prompt(), *texts[:2])], RULES, Asking())
        one, other = (each.id for each in texts[:2])
        assert {each.completion_ids for each in found} == {(one, other), (other, one)}
    assert all(each.calls for each in found)
    assert {each.protocol for each in found} == {name}


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    for find, known in ((protocol, "steps"), (pointwise, "checklist"), (pairwise, "debate")):
        with pytest.raises(InputError, match=known):
            find("nonsense")
    with pytest.raises(InputError, match="compares two"):
        pairwise("checklist")


def test_samples_and_tries_are_refused_where_nothing_is_written() -> None:
    with pytest.raises(InputError, match="samples"):
        asking(protocol("compare"), seed=0, samples=3, again=None)
    with pytest.raises(InputError, match="ask-again"):
        asking(protocol("score"), seed=0, samples=None, again=1)
    assert asking(protocol("compare-cot"), seed=1, samples=3, again=0) == Asking(seed=1, samples=3, again=0)


@pytest.mark.parametrize("name", [each for each in ALL.split() if protocol(each).judges])
def test_a_judge_that_cannot_be_asked_is_told_so(name: str) -> None:
    with pytest.raises(InputError, match=f"cannot be asked by protocol '{name}'"):
        protocol(name).ask(RandomJudge(), [], RULES, Asking())  # type: ignore[arg-type]


class Stubborn(RuleEngine):
    """Says what cannot be read until it was asked often enough."""

    def __init__(self, after: int, text: str = "hm") -> None:
        super().__init__(Judging(says).score, self._say)
        self.after, self.text, self.draws = after, text, list[int]()

    def _say(self, request: GenerateRequest) -> str:
        self.draws.append(request.draw)
        return Judging(says).write(request) if request.draw >= self.after else self.text


@pytest.mark.parametrize(
    ("after", "again", "state"), [(0, 0, "preference"), (2, 2, "preference"), (3, 2, "unreadable")]
)
def test_an_unreadable_text_is_asked_again_at_most_k_times(after: int, again: int, state: str) -> None:
    judge = Stubborn(after)
    items = [(prompt(), completion("hello"), completion("mix"))]
    found = pairwise("compare-cot").ask(ModelJudge(judge), items, RULES[:1], Asking(again=again))
    assert {each.state.value for each in found} == {state}
    tries = min(after, again) + 1
    assert [len(each.calls) for each in found] == [tries, tries]
    assert sorted(judge.draws) == sorted([*range(tries)] * 2)
    assert len({call for each in found for call in each.calls}) == 2 * tries


def test_a_refusal_is_an_answer_and_is_not_asked_again() -> None:
    judge = Stubborn(9, "I'm sorry, I cannot compare these.")
    items = [(prompt(), completion("hello"), completion("mix"))]
    found = pairwise("compare-json").ask(ModelJudge(judge), items, RULES[:1], Asking(again=5))
    assert {each.state for each in found} == {State.JUDGE_REFUSED}
    assert judge.draws == [0, 0]


def test_a_structured_reply_is_asked_for_with_its_schema() -> None:
    seen: list[GenerateRequest] = []

    def write(request: GenerateRequest) -> str:
        seen.append(request)
        return Judging(says).write(request)

    judge = ModelJudge(RuleEngine(Judging(says).score, write))
    pointwise("score-json").ask(judge, [(prompt(), completion("hello"))], RULES[:1], Asking())
    pairwise("compare-cot").ask(
        judge, [(prompt(), completion("a"), completion("b"))], RULES[:1], Asking(again=0)
    )
    assert seen[0].schema is not None
    assert seen[0].schema["properties"]["rating"]["maximum"] == 5
    assert seen[1].schema is None


@pytest.mark.parametrize("count", [2, 5, 8, 16])
def test_a_tournament_asks_n_log_n_comparisons(count: int) -> None:
    asked = engine()
    texts = [completion(f"{'hello' if number % 3 else 'mix'} {number}") for number in range(count)]
    found = pointwise("rank").ask(
        ModelJudge(asked), [(prompt(), each) for each in texts], RULES[:1], Asking()
    )
    assert len(asked.asked) <= 2 * (count / 2) * math.ceil(math.log2(count))
    shares = {each.completion_ids[0]: each.value for each in found}
    assert len(shares) == count


def test_steps_are_as_right_as_the_least_of_them() -> None:
    asked = RuleEngine(
        lambda text, _: (
            {"yes": 0.2, "no": 0.8} if text.split("Steps:")[1].count("wrong") else {"yes": 0.9, "no": 0.1}
        )
    )
    items = [
        (prompt(), completion(text))
        for text in ("Right. Right.", "Right. A wrong one. Right.", "one\nwrong\ntwo", "")
    ]
    found = pointwise("steps").ask(ModelJudge(asked), items, RULES, Asking())
    assert [each.value for each in found] == pytest.approx([0.9, 0.2, 0.2, None])
    assert [len(each.calls) for each in found] == [2, 3, 3, 0]
    assert found[3].state is State.ABSTAIN

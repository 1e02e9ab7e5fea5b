"""Labels of steps by rollouts from their ends, and by what a judge said; what could not be told is no label."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rlaif.feedback.step_labels import label_by_judgments, label_by_rollouts, step_examples
from rlaif.judging.protocol import One
from rlaif.records import Example, GenerateRequest, Judgment, Sampling, State
from tests.judging.builders import RuleEngine, completion, prompt

WARM = Sampling(temperature=1.0, max_tokens=9)
ASKED = prompt("add 3 and 4")
GOOD = completion("3 plus 2 is 5. 5 plus 2 is 7. It is 7.", ASKED)
BAD = completion("3 plus 2 is 6. 6 plus 2 is 8. It is 8.", ASKED)


def go_on(request: GenerateRequest) -> str:
    """From a right beginning three of four end right; from a wrong one, one of four, by two errors."""
    right = request.draw % 4 != 0 if " is 6" not in request.assistant_prefix else request.draw % 4 == 0
    return " It is 7." if right else " It is 9."


def check(answers: Sequence[One]) -> dict[str, float | None]:
    return {each.id: float(each.text.endswith("is 7.")) for _, each in answers}


def policy() -> RuleEngine:
    return RuleEngine(lambda *_: {}, go_on)


def test_a_step_is_as_right_as_the_answers_that_go_on_from_it_and_the_last_as_its_own() -> None:
    found = label_by_rollouts(policy(), [(ASKED, GOOD), (ASKED, BAD)], check, n=8, sampling=WARM, seed=0)
    labels = {(each.completion.id, each.number): (each.p, each.rollouts) for each in found.steps}
    assert labels == {
        (GOOD.id, 1): (0.75, 8),
        (GOOD.id, 2): (0.75, 8),
        (GOOD.id, 3): (1.0, 0),
        (BAD.id, 1): (0.25, 8),
        (BAD.id, 2): (0.25, 8),
        (BAD.id, 3): (0.0, 0),
    }


def test_equal_beginnings_are_rolled_out_once_and_a_draw_depends_on_nothing_else() -> None:
    asked: list[tuple[str, int, int]] = []

    def write(request: GenerateRequest) -> str:
        asked.append((request.assistant_prefix, request.draw, request.seed))
        return go_on(request)

    other = completion("3 plus 2 is 5. It is 9.", ASKED)
    engine = RuleEngine(lambda *_: {}, write)
    label_by_rollouts(engine, [(ASKED, GOOD), (ASKED, other)], check, n=2, sampling=WARM, seed=0)
    together, asked = list(asked), []
    assert len(together) == len({(text, draw) for text, draw, _ in together}) == 4
    engine = RuleEngine(
        lambda *_: {},
        lambda request: (
            asked.append((request.assistant_prefix, request.draw, request.seed)) or go_on(request)
        ),
    )  # type: ignore[func-returns-value]
    label_by_rollouts(engine, [(ASKED, other)], check, n=2, sampling=WARM, seed=0)
    assert set(asked) < set(together)


def test_an_answer_that_could_not_be_told_counts_neither_way() -> None:
    def hard_to_tell(answers: Sequence[One]) -> dict[str, float | None]:
        return {name: None if p == 0 else p for name, p in check(answers).items()}

    found = label_by_rollouts(
        policy(), [(ASKED, GOOD), (ASKED, BAD)], hard_to_tell, n=4, sampling=WARM, seed=0
    )
    assert [(each.p, each.rollouts) for each in found.steps] == [
        (1, 3),
        (1, 3),
        (1, 0),
        (1, 1),
        (1, 1),
        (None, 0),
    ]
    assert len(step_examples(found.steps)) == 5


def test_the_outcome_alone_needs_no_rollout() -> None:
    engine = RuleEngine(lambda *_: {}, lambda _: pytest.fail("nothing is drawn"))
    items = [(ASKED, GOOD), (ASKED, BAD), (ASKED, completion("3 plus", ASKED, finish="length"))]
    found = label_by_rollouts(engine, items, check, n=8, sampling=WARM, seed=0, only_last=True)
    assert [(each.text, each.p) for each in found.steps] == [(GOOD.text, 1.0), (BAD.text, 0.0)]


def test_a_judges_word_on_each_step_is_its_label() -> None:
    rows = tuple({"step": number, "turn": 1, "p": p} for number, p in enumerate((0.9, None, 0.2), 1))
    judgment = Judgment(
        protocol="steps",
        judge="b2:judge",
        prompt_id=ASKED.id,
        completion_ids=(GOOD.id,),
        principle_id=None,
        state=State.UNREADABLE,
        value=None,
        steps=rows,
    )
    found = label_by_judgments([(ASKED, GOOD), (ASKED, BAD)], [judgment])
    assert [(each.text, each.p) for each in found] == [
        ("3 plus 2 is 5.", 0.9),
        ("3 plus 2 is 5. 5 plus 2 is 7.", None),
        (GOOD.text, 0.2),
    ]


def weights(examples: Sequence[Example]) -> list[tuple[str, str, float]]:
    return [(each.messages[-1].content, each.kind, round(each.weight, 6)) for each in examples]


def test_a_soft_label_is_two_examples_and_a_hard_one_is_right_where_any_rollout_was() -> None:
    found = label_by_rollouts(policy(), [(ASKED, BAD)], check, n=4, sampling=WARM, seed=0).steps
    assert weights(step_examples(found)) == [
        ("3 plus 2 is 6.", "right-step", 0.25),
        ("3 plus 2 is 6.", "wrong-step", 0.75),
        ("3 plus 2 is 6. 6 plus 2 is 8.", "right-step", 0.25),
        ("3 plus 2 is 6. 6 plus 2 is 8.", "wrong-step", 0.75),
        (BAD.text, "wrong-step", 1.0),
    ]
    assert [kind for _, kind, _ in weights(step_examples(found, hard=True))] == [
        "right-step",
        "right-step",
        "wrong-step",
    ]

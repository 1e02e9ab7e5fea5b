"""Traces of a judge: what is known of a pair, what is asked, and which texts are learned from."""

from __future__ import annotations

import pytest

from rlaif.errors import InputError
from rlaif.judging import ModelJudge
from rlaif.judging.traces import KnownLabel, ask_traces, keep_traces, known_labels, traceable
from rlaif.records import GenerateRequest, Message, Pair, Prompt, Sampling

from .builders import RuleEngine, constitution, principle

GREET, WARN = principle("greet"), principle("warn", applies_to=("howto",))
RULES = constitution(GREET, WARN)
ASKED = Prompt(messages=(Message(role="user", content="Bake."),), tags=("sum",))
HOW = Sampling(temperature=0.7, top_p=0.9, max_tokens=40)


def said(text: str) -> tuple[Message, ...]:
    return (Message(role="assistant", content=text),)


def pair(chosen: str = "Hello", rejected: str = "Flour", label: float = 1.0, **fields: object) -> Pair:
    return Pair(
        prompt=ASKED.messages,
        chosen=said(chosen),
        rejected=said(rejected),
        label_prob=label,
        **fields,  # type: ignore[arg-type]
    )


def judge(*texts: str) -> ModelJudge:
    """Writes these texts in turn to the draws of a question."""
    return ModelJudge(RuleEngine(lambda *_: {}, lambda request: texts[(request.draw or 0) % len(texts)]))


def asked(of: ModelJudge, samples: int = 4) -> list:  # type: ignore[type-arg]
    labels, _ = known_labels([pair()], RULES, prompts={ASKED.id: ASKED})
    return ask_traces(of, labels, "compare-cot", samples=samples, sampling=HOW, seed=0)


def test_of_a_pair_known_as_a_whole_all_principles_that_apply_to_its_prompt_are_asked() -> None:
    labels, unknown = known_labels([pair()], RULES, prompts={ASKED.id: ASKED})
    assert [(each.principle.id, each.chosen_better) for each in labels] == [("greet", True)]
    assert unknown == {}
    # without tags nobody knows that it does not apply
    assert [each.principle.id for each in known_labels([pair()], RULES)[0]] == ["greet", "warn"]
    assert [each.principle.id for each in known_labels([pair()], RULES, ["warn"])[0]] == ["warn"]


def test_a_pair_that_was_judged_by_principle_says_itself_which_side_is_better_by_each() -> None:
    own = pair(label=0.8, principles=({"id": "greet", "p": 0.2}, {"id": "warn", "p": 0.5}))
    labels, _ = known_labels([own], RULES)
    assert [(each.principle.id, each.chosen_better) for each in labels] == [("greet", False)]
    assert labels[0].sides == (own.rejected, own.chosen)


def test_a_tie_has_no_known_label_and_an_unknown_principle_is_refused_by_name() -> None:
    assert known_labels([pair(label=0.5)], RULES) == ([], {"ties": 1})
    with pytest.raises(InputError, match="house has no principle 'rhyme'; it has: greet, warn"):
        known_labels([pair()], RULES, ["rhyme"])


def test_the_question_of_a_trace_is_word_for_word_what_the_judge_is_asked() -> None:
    judging = judge("Answer: A")
    found = asked(judging, 1)
    assert [each.better for each in found] == ["A", "B"]
    assert found[0].question == judging.question("compare-cot", ASKED, ["Hello", "Flour"], GREET)
    assert found[1].question == judging.question("compare-cot", ASKED, ["Flour", "Hello"], GREET)


def test_texts_are_drawn_as_the_settings_say() -> None:
    seen: list[GenerateRequest] = []

    def write(request: GenerateRequest) -> str:
        seen.append(request)
        return "Answer: A"

    asked(ModelJudge(RuleEngine(lambda *_: {}, write)), 3)
    assert {each.sampling for each in seen} == {HOW}
    assert len(seen) == 2 * 3
    assert len({each.seed for each in seen}) == 6


def test_only_texts_whose_verdict_is_the_known_label_are_kept() -> None:
    # in either order one text names A and one names B
    found = asked(judge("It greets.\nAnswer: A", "It does not.\nAnswer: B", "Who knows.", "Answer: B"))
    kept = keep_traces(found, most=1, seed=0)
    assert sorted(each.messages[-1].content for each in kept.examples) == [
        "It does not.\nAnswer: B",
        "It greets.\nAnswer: A",
    ]
    assert {each.kind for each in kept.examples} == {"judge"}
    assert kept.counts["unreadable"] == 2
    assert kept.counts["right"] == 1 + 2
    assert kept.counts["wrong"] == 2 + 1
    assert kept.counts["texts"] == 8


def test_as_many_texts_that_name_a_are_kept_as_texts_that_name_b() -> None:
    found = asked(judge("Answer: A"))
    kept = keep_traces(found, most=1, seed=0)
    # a judge that always says A is right in one order, and learns nothing from it
    assert kept.examples == []
    assert kept.counts["left out for balance"] == 1
    assert kept.counts["pairs without a right text"] == 0


def test_a_pair_without_a_right_text_is_dropped_and_counted() -> None:
    kept = keep_traces(asked(judge("Who knows.")), most=1, seed=0)
    assert (kept.examples, kept.counts["pairs"], kept.counts["pairs without a right text"]) == ([], 1, 1)


def test_a_right_text_is_preferred_to_a_wrong_one_of_the_same_question() -> None:
    kept = keep_traces(asked(judge("It greets.\nAnswer: A", "Answer: B")), most=1, seed=0)
    assert [(each.chosen[0].content[-1], each.rejected[0].content[-1]) for each in kept.pairs] == [
        ("A", "B"),
        ("B", "A"),
    ]
    assert all(each.label_prob == 1.0 for each in kept.pairs)


@pytest.mark.parametrize("name", ["compare", "compare-json", "debate"])
def test_a_protocol_without_reasoning_and_verdict_in_one_reply_leaves_no_trace(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.*compare-cot"):
        traceable(name)


def test_the_better_side_of_a_label_comes_first() -> None:
    own = pair()
    assert KnownLabel(pair=own, principle=GREET).sides == (own.chosen, own.rejected)

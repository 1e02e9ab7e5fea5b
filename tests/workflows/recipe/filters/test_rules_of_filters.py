"""Each rule of a filter leaves out what it says, with why, and nothing else: by hand, and by simulation."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from rlaif.feedback.score import ScoredCompletion
from rlaif.records import Completion, Example, Message, Origin, Pair, Prompt
from rlaif.workflows.recipe.filters import FILTERS
from rlaif.workflows.recipe.filters.rule import (
    ALL,
    Given,
    Item,
    Reasons,
    completion_item,
    example_item,
    pair_item,
    prompt_item,
)


def asked(text: str = "How?") -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


def said(prompt: Prompt, text: str, **more: Any) -> Item:
    return completion_item(prompt, Completion(prompt_id=prompt.id, text=text, policy="p", **more))


def pair(
    chosen: str = "So.", rejected: str = "No.", *, label: float = 0.8, question: str = "How?", **more: Any
) -> Item:
    def turn(role: Any, text: str) -> tuple[Message, ...]:
        return (Message(role=role, content=text),)

    return pair_item(
        Pair(
            prompt=turn("user", question),
            chosen=turn("assistant", chosen),
            rejected=turn("assistant", rejected),
            label_prob=label,
            **more,
        )
    )


def scored(items: list[Item], *scores: float | None) -> dict[str, ScoredCompletion]:
    return {
        each.ids[0]: ScoredCompletion(completion=each.record[1], score=score)
        for each, score in zip(items, scores, strict=True)
    }


def drops(rule: str, value: Any, kind: str, items: list[Item], **more: Any) -> Reasons:
    return FILTERS.get(rule).drops(Given(kind=kind, items=items, **more), value)


def test_every_rule_leaves_nothing_out_by_default_and_knows_its_kinds() -> None:
    for rule in FILTERS.all().values():
        assert rule.setting.default is None
        assert set(rule.of) <= set(ALL)


def test_boilerplate_counts_prompts_and_not_draws() -> None:
    closing = " I hope this helps!"
    prompts = [asked(f"Q{number}") for number in range(6)]
    items = [
        said(each, f"Answer {place}.{closing if place < 3 else ''}") for place, each in enumerate(prompts)
    ]
    assert set(drops("boilerplate", 0.5, "completions", items)) == {0, 1, 2}
    assert drops("boilerplate", 0.51, "completions", items) == {}
    one = asked()
    alike = [said(one, f"Answer {place}.{closing}") for place in range(6)]
    assert drops("boilerplate", 0.5, "completions", [*alike, *items[3:]]) == {}


def test_an_answer_of_one_sentence_is_no_closer() -> None:
    items = [said(asked(f"Q{number}"), "Yes.") for number in range(4)]
    assert drops("boilerplate", 0.1, "completions", items) == {}


LONG = "the old man walks slowly up the long hill with his small brown dog and a heavy bag"


def test_near_duplicates_are_of_one_prompt_and_the_first_stays() -> None:
    one, other = asked("A"), asked("B")
    items = [
        said(one, LONG),
        said(one, LONG + "."),
        said(other, LONG),
        said(one, "Something else is said here."),
    ]
    assert set(drops("near_duplicates", "drop", "completions", items)) == {1}
    assert set(drops("near_duplicates", "drop", "pairs", [pair(LONG, LONG + "!"), pair()])) == {0}
    prompts = [prompt_item(asked(text)) for text in (LONG, "What is this about?", LONG + "!")]
    assert set(drops("near_duplicates", "drop", "prompts", prompts)) == {2}


def test_what_a_revision_did_not_change_is_left_out_also_where_blanks_differ() -> None:
    one = asked()
    first = said(one, "Hello. It is 5.")
    name = first.ids[0]
    kept = said(one, "Hello Ben. It is 5.", origin=Origin(kind="revision", parent=name, stage=1))
    same = said(one, "Hello. It is 5.", origin=Origin(kind="revision", parent=name, stage=1))
    blank = said(one, "Hello.  It is 5. ", origin=Origin(kind="revision", parent=name, stage=1))
    assert set(drops("unchanged", "drop", "completions", [first, kept, same, blank])) == {2, 3}
    # the parent need not be among the rows
    assert set(drops("unchanged", "drop", "completions", [same])) == {0}
    assert set(drops("unchanged", "drop", "pairs", [pair("A b", "A  b"), pair()])) == {0}


def test_length_control_takes_the_shortest_of_the_best_and_the_longest_of_the_worst() -> None:
    one = asked()
    texts = ["x" * 9, "x" * 4, "x" * 6, "x" * 2, "x" * 3]
    items = [said(one, text) for text in texts]
    scores = scored(items, 1.0, 0.9, 0.5, 0.1, 0.0)
    # rho .2: best tier [.8, 1], worst tier [0, .2]
    assert set(drops("length", 0.2, "completions", items, scored=scores)) == {0, 2, 3}
    # rho 0: the extremes, whatever their lengths
    assert set(drops("length", 0.0, "completions", items, scored=scores)) == {1, 2, 3}


def test_length_control_counts_no_missing_score_as_zero_and_needs_two_unlike_scores() -> None:
    one, other = asked("A"), asked("B")
    items = [said(one, "a"), said(one, "bb"), said(one, "ccc"), said(other, "d"), said(other, "ee")]
    why = drops("length", 0.3, "completions", items, scored=scored(items, 0.9, None, 0.4, 0.5, 0.5))
    assert why[1] == "has no score"
    assert set(why) == {1, 3, 4}


@pytest.mark.parametrize("seed", range(20))
def test_length_control_keeps_the_tiers_of_the_formula(seed: int) -> None:
    draw = random.Random(seed)
    one, rho = asked(), draw.uniform(0, 0.5)
    items = [said(one, "x" * draw.randint(1, 9) + str(place)) for place in range(6)]
    numbers = [draw.random() for _ in items]
    why = drops("length", rho, "completions", items, scored=scored(items, *numbers))
    kept = sorted({*range(6)} - {*why}, key=lambda place: numbers[place])
    low, high = min(numbers), max(numbers)
    best = [place for place in range(6) if numbers[place] >= (1 - rho) * high + rho * low - 1e-12]
    worst = [place for place in range(6) if numbers[place] <= (1 - rho) * low + rho * high + 1e-12]
    assert len(kept) == 2
    assert len(items[kept[1]].answers[0]) == min(len(items[place].answers[0]) for place in best)
    assert len(items[kept[0]].answers[0]) == max(len(items[place].answers[0]) for place in worst)


def test_thresholds_leave_out_what_is_below_or_not_known() -> None:
    pairs = [pair(label=0.6, score_gap=0.3), pair(label=0.9, score_gap=0.05), pair(label=0.9)]
    assert set(drops("label", 0.75, "pairs", pairs)) == {0}
    why = drops("gap", 0.1, "pairs", pairs)
    assert set(why) == {1, 2}
    assert why[2] == "its score_gap is not known"
    items = [said(asked(), text) for text in "abc"]
    assert set(drops("score", 0.5, "completions", items, scored=scored(items, 0.5, 0.49, None))) == {1, 2}


def test_a_second_judge_must_score_the_chosen_side_higher() -> None:
    items = [pair("Good.", "Bad."), pair("Fine.", "Worse."), pair("Odd.", "Even.")]

    def second(item: Item, chosen: float | None, rejected: float | None) -> dict[str, ScoredCompletion]:
        one = Completion(prompt_id=item.prompt, text="", policy="")
        return {
            name: ScoredCompletion(completion=one, score=score)
            for name, score in zip(item.ids, (chosen, rejected), strict=True)
        }

    said_so = {**second(items[0], 0.9, 0.2), **second(items[1], 0.4, 0.6), **second(items[2], 0.4, None)}
    why = drops("agreement", "drop", "pairs", items, second=said_so)
    assert set(why) == {1, 2}
    assert "no score" in why[2]


def _judged(seed: int, taste: float, count: int = 400) -> tuple[list[Item], dict[str, float]]:
    """Pairs of a judge whose log-odds are quality plus `taste` times the difference of likelihood."""
    draw = random.Random(seed)
    items, logprobs = [], dict[str, float]()
    for place in range(count):
        likely, quality = draw.gauss(0, 1), draw.gauss(0, 1)
        odds = quality + taste * likely
        sides = (f"one {place}", f"two {place}")
        first, second = sides if odds > 0 else sides[::-1]
        item = pair(first, second, label=1 / (1 + math.exp(-abs(odds))), question=f"Q{place}")
        for name, text in zip(item.ids, item.answers, strict=True):
            # two words a side: likelihood a word differs by `likely`
            logprobs[name] = 2 * likely if text == sides[0] else 0.0
        items.append(item)
    return items, logprobs


def test_self_preference_leaves_a_fair_judge_alone_and_finds_labels_that_go_with_likelihood() -> None:
    fair, told = _judged(0, 0.0)
    assert len(drops("self_preference", "drop", "pairs", fair, logprobs=told)) < 0.06 * len(fair)
    biased, told = _judged(1, 2.0)
    why = drops("self_preference", "drop", "pairs", biased, logprobs=told)
    assert len(why) > 0.3 * len(biased)
    for place in why:
        chosen, rejected = biased[place].ids
        assert told[chosen] > told[rejected]


def test_a_pair_that_was_not_scored_stays() -> None:
    items, told = _judged(1, 2.0)
    assert drops("self_preference", "drop", "pairs", items, logprobs={}) == {}
    gone = next(iter(drops("self_preference", "drop", "pairs", items, logprobs=told)))
    left = {name: each for name, each in told.items() if name not in items[gone].ids}
    assert gone not in drops("self_preference", "drop", "pairs", items, logprobs=left)


def test_a_prompt_and_a_cluster_keep_so_many_drawn_by_the_seed_and_not_by_the_order() -> None:
    one, other = asked(LONG), asked(LONG + "!")
    items = [*(said(one, f"Answer {place}.") for place in range(4)), said(other, "Else.")]

    def kept(rule: str, given: list[Item], seed: int) -> set[str]:
        why = drops(rule, 2, "completions", given, seed=seed)
        return {each.ids[0] for place, each in enumerate(given) if place not in why}

    assert len(kept("per_prompt", items, 0)) == 3
    assert len(kept("per_cluster", items, 0)) == 2
    assert kept("per_prompt", items, 0) == kept("per_prompt", items[::-1], 0)
    assert len({frozenset(kept("per_prompt", items, seed)) for seed in range(9)}) > 1


def test_examples_are_read_by_what_is_learned_of_them() -> None:
    turns = (*asked().messages, Message(role="assistant", content="So."))
    item = example_item(Example(messages=turns))
    assert (item.prompt, item.answers) == (asked().id, ("So.",))

"""Every label that a model learns from is the one that gold reads from the text it stands under."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rlaif.microworld.attributes import BY_ID
from rlaif.microworld.corpus import SKILLS, row
from rlaif.microworld.draws import LabelNoise, Reading
from rlaif.microworld.gold import follows, grade_rule, read_prompt, truths
from rlaif.microworld.lexicon import (
    FACTS,
    HARMS,
    HELD_OUT_FACTS,
    HELD_OUT_HARMS,
    HELD_OUT_TASKS,
    HELD_OUT_TROUBLES,
    TASKS,
    TROUBLES,
    held_out_sum,
)
from rlaif.microworld.pair_skills import FLAW_SENTENCE, does
from rlaif.microworld.recognize import in_language
from rlaif.microworld.rows import ASSISTANT, END, SYSTEM, USER, PackedRow, ask
from rlaif.microworld.scenes import Split
from rlaif.microworld.sentences import read_rule
from rlaif.microworld.single_skills import NO_FAULT
from rlaif.templates import load_template, numbered

READINGS: tuple[Reading, ...] = ("plain", "phrased", "negated", "composed")
RESPONSES = ("response_a", "response_b", "response_c", "response_d")


class Shown(NamedTuple):
    """One ending as a model meets it: the slots of its template, and the answer."""

    slots: dict[str, str]
    answer: str


def rows(
    skill: str, count: int, reading: Reading = "composed", split: Split = "all", seed: int = 0
) -> list[PackedRow]:
    rng = random.Random(f"{skill} {reading} {seed}")
    return [row(skill, rng, reading, split) for _ in range(count)]


def read_back(template: str, content: str) -> dict[str, str]:
    """The slots of a rendered template, read by the template's own text."""
    parts = re.split(r"\{\{((?:fenced:)?[a-z_]+)\}\}", load_template(template).text)
    pattern = ""
    for index, part in enumerate(parts):
        fence = "```\n" if part.startswith("fenced:") else ""
        name = part.removeprefix("fenced:")
        pattern += f"{fence}(?P<{name}>.*?){fence and chr(10)}{fence[:3]}" if index % 2 else re.escape(part)
    found = re.fullmatch(pattern, content, re.DOTALL)
    assert found, (template, content)
    return found.groupdict()


def endings(made: PackedRow) -> Iterator[tuple[str, str]]:
    for shown, answer in made.endings:
        whole = made.prefix + shown
        assert whole.startswith(USER)
        assert whole.endswith(END + ASSISTANT)
        assert answer.endswith(END)
        yield whole.removeprefix(USER).removesuffix(END + ASSISTANT), answer.removesuffix(END)


def shown(skill: str, count: int, reading: Reading = "composed", split: Split = "all") -> Iterator[Shown]:
    for made in rows(skill, count, reading, split):
        assert made.skill == skill
        for content, answer in endings(made):
            yield Shown(read_back(skill, content), answer)


known = cache(truths)


def grades(slots: dict[str, str]) -> list[bool]:
    """What gold says of each response under the rule."""
    rule, tags = read_rule(slots["principle"]), read_prompt(slots["prompt"]).tags
    assert rule
    texts = [slots[name] for name in ("response", *RESPONSES) if name in slots]
    found = [follows(rule, tags, known(slots["prompt"], text)) for text in texts]
    assert None not in found, slots
    return [bool(each) for each in found]


@pytest.mark.parametrize("reading", READINGS)
def test_yes_no_and_rating_say_what_gold_says(reading: Reading) -> None:
    for skill, yes, no in (("checklist", "yes", "no"), ("score", "5", "1")):
        answers = []
        for slots, answer in shown(skill, 40, reading):
            assert answer == (yes if grades(slots)[0] else no)
            answers.append(answer)
        assert 0.2 < answers.count(yes) / len(answers) < 0.8


@pytest.mark.parametrize("reading", READINGS)
def test_a_comparison_names_the_better_and_a_tie_either(reading: Reading) -> None:
    differing, tied = [], []
    for slots, answer in shown("compare", 100, reading):
        first, second = grades(slots)
        (tied if first == second else differing).append(answer)
        assert first == second or answer == ("A" if first else "B")
    assert len(differing) > 2 * len(tied)
    assert 0.4 < differing.count("A") / len(differing) < 0.6
    assert 0.3 < tied.count("A") / len(tied) < 0.7


def test_a_reasoned_comparison_says_only_what_is_true() -> None:
    for slots, answer in shown("compare-cot", 60):
        said = re.fullmatch(r"Response A (.+?)\. Response B (.+?)\. Answer: ([AB])", answer)
        rule = read_rule(slots["principle"])
        assert said
        assert rule
        (attribute, _), *more = rule.parts
        assert not more
        for claim, name in zip(said.groups()[:2], RESPONSES[:2], strict=True):
            assert claim == does(attribute, truths(slots["prompt"], slots[name])[attribute])
        first, second = grades(slots)
        assert (first, second) == (said[3] == "A", said[3] == "B")


def test_a_ranking_puts_all_that_follow_the_rule_first() -> None:
    for slots, answer in shown("rank", 40):
        values = dict(zip("ABCD", grades(slots), strict=True))
        order = answer.split()
        assert sorted(order) == list("ABCD")
        assert [values[each] for each in order] == sorted(values.values(), reverse=True)
        assert len(set(values.values())) == 2


def test_an_argument_is_for_the_named_side_and_about_the_rule() -> None:
    sides = []
    for slots, answer in shown("argue", 60):
        rule = read_rule(slots["principle"])
        assert rule
        assert answer == f"Response {slots['side']} is better because it {does(*rule.parts[0])}."
        sides.append(slots["side"])
    assert 0.35 < sides.count("A") / len(sides) < 0.65


def test_a_judgment_is_judged_right_when_it_names_the_better() -> None:
    answers = []
    for slots, answer in shown("meta", 60):
        first, second = grades(slots)
        assert first != second
        assert answer == ("yes" if (slots["judgment"] == "A") == first else "no")
        answers.append(answer)
    assert 0.35 < answers.count("yes") / len(answers) < 0.65


def test_a_step_is_right_when_its_numbers_are() -> None:
    for slots, answer in shown("step", 200):
        steps = [tuple(map(int, each)) for each in re.findall(r"(\d+) plus (\d+) is (\d+)\.", slots["steps"])]
        numbers = read_prompt(slots["prompt"]).numbers
        assert numbers
        if stated := re.fullmatch(r"(?:The answer|It) is (\d+)\.", slots["steps"]):
            assert answer == ("yes" if int(stated[1]) == sum(numbers) else "no")
            continue
        assert steps[0][0] == numbers[0]
        assert all(a + b == total for a, b, total in steps[:-1])
        a, b, total = steps[-1]
        assert answer == ("yes" if a + b == total else "no")


def test_a_similar_prompt_is_of_the_same_kind() -> None:
    for slots, answer in shown("similar-prompt", 100):
        loose = {"named", "false-claim"}
        assert read_prompt(answer).tags - loose == read_prompt(slots["prompt"]).tags - loose != frozenset()


def test_a_critique_names_the_first_rule_that_is_broken() -> None:
    faultless = 0
    for slots, answer in shown("critique", 80):
        listed = re.findall(r"(?m)^\d+\. (.+)$", slots["principles"])
        assert numbered(listed) == slots["principles"]
        broken = [each for each in listed if not grade_rule(each, slots["prompt"], slots["response"])]
        faultless += not broken
        if not broken:
            assert answer == NO_FAULT
            continue
        fault, rule = read_rule(answer), read_rule(broken[0])
        assert fault
        assert rule
        assert grade_rule(answer, slots["prompt"], slots["response"]) is True
        assert fault.parts == tuple((name, not positive) for name, positive in rule.parts)
    assert faultless > 0


def test_a_revision_mends_the_named_fault_and_nothing_else() -> None:
    for slots, answer in shown("revise", 60):
        before, after = (truths(slots["prompt"], text) for text in (slots["response"], answer))
        fault, rule = read_rule(slots["critique"]), read_rule(slots["principle"])
        assert fault
        assert rule
        assert {name for name in before if before[name] != after[name]} == {rule.parts[0][0]}
        assert fault.parts[0][0] == rule.parts[0][0]
        assert grade_rule(slots["critique"], slots["prompt"], slots["response"]) is True
        assert grade_rule(slots["principle"], slots["prompt"], slots["response"]) is False
        assert grade_rule(slots["principle"], slots["prompt"], answer) is True


def turns(made: PackedRow) -> tuple[str, str, list[str]]:
    """System turn, user turn and answers of a row that writes a response."""
    found = re.fullmatch(
        rf"(?:{re.escape(SYSTEM)}(.*?){re.escape(END)})?{re.escape(USER)}(.*?){re.escape(END + ASSISTANT)}",
        made.prefix,
        re.DOTALL,
    )
    assert found
    assert all(shown == "" and answer.endswith(END) for shown, answer in made.endings)
    return found[1] or "", found[2], [answer.removesuffix(END) for _, answer in made.endings]


def test_plain_responses_are_several_and_of_the_language() -> None:
    for made in rows("respond", 60):
        system, prompt, answers = turns(made)
        assert system == ""
        assert read_prompt(prompt).tags
        assert len(answers) > 1
        assert all(in_language(answer) for answer in answers)


def test_a_response_under_a_constitution_follows_each_of_its_rules() -> None:
    followed = []
    for made in rows("respond-constitution", 300):
        system, prompt, answers = turns(made)
        listed = re.findall(r"(?m)^\d+\. (.+)$", system)
        assert system == load_template("system-constitution").render(principles=numbered(listed))
        for rule in listed:
            read = read_rule(rule)
            assert read
            for answer in answers:
                value = grade_rule(rule, prompt, answer)
                # one that has much to say may be a sentence too long to be brief
                assert value or read.parts == (("brief", True),), (prompt, answer, rule)
                followed.append(value)
    assert followed.count(True) > 0.99 * len(followed)


def test_a_good_response_has_more_of_what_is_wanted_than_a_bad_one() -> None:
    shares: dict[str, list[float]] = {"system-good": [], "system-bad": []}
    for made in rows("respond-good-bad", 100):
        system, prompt, answers = turns(made)
        name = next(each for each in shares if load_template(each).render() == system)
        for answer in answers:
            held = truths(prompt, answer)
            shares[name].append(sum(BY_ID[each].wanted == value for each, value in held.items()) / len(held))
    assert min(shares["system-good"]) > max(shares["system-bad"])


WORDS = some.text(some.sampled_from("abc XYZ.,:{}\\%s\n*_-1"), max_size=30)


@pytest.mark.parametrize(
    "name", sorted({skill for skill in SKILLS if not skill.startswith("respond")} | {"system-constitution"})
)
@given(some.data())
@settings(max_examples=40, deadline=None)
def test_a_row_shows_the_bytes_that_the_judging_code_renders(name: str, data: some.DataObject) -> None:
    template = load_template(name)
    slots = {slot: data.draw(WORDS, label=slot) for slot in sorted(template.slots)}
    assert ask(name, **slots) == template.render(**slots)


def test_every_row_of_every_skill_is_a_rendered_template_and_closed() -> None:
    for skill in SKILLS:
        if skill.startswith("respond"):
            continue
        for made in rows(skill, 8):
            for content, answer in endings(made):
                assert content == load_template(skill).render(**read_back(skill, content))
                assert answer.strip() == answer != ""


def prompts_of(made: PackedRow) -> list[str]:
    if made.skill.startswith("respond"):
        return [turns(made)[1]]
    found = [(read_back(made.skill, content)["prompt"], answer) for content, answer in endings(made)]
    return [text for pair in found for text in (pair if made.skill == "similar-prompt" else pair[:1])]


def test_training_rows_never_mention_a_held_out_matter() -> None:
    matters = [
        *(each.goal for each in TASKS[-HELD_OUT_TASKS:]),
        *(each.goal for each in HARMS[-HELD_OUT_HARMS:]),
        *(each.own for each in TROUBLES[-HELD_OUT_TROUBLES:]),
        *(f"{each.subject} is {each.false}" for each in FACTS[-HELD_OUT_FACTS:]),
        *(f"{each.subject} is {each.true}" for each in FACTS[-HELD_OUT_FACTS:]),
    ]
    sums: list[tuple[int, int]] = []
    for skill in SKILLS:
        for made in rows(skill, 40, split="train"):
            text = made.prefix + "".join(part for ending in made.endings for part in ending)
            assert not [each for each in matters if each in text]
            sums += [found for each in prompts_of(made) if (found := read_prompt(each).numbers)]
    assert sums
    assert not [pair for pair in sums if held_out_sum(*pair)]


def test_held_out_rows_are_about_nothing_else() -> None:
    for slots, _ in shown("checklist", 40, split="held-out"):
        found = read_prompt(slots["prompt"])
        assert (
            found.task in TASKS[-HELD_OUT_TASKS:]
            or found.harm in HARMS[-HELD_OUT_HARMS:]
            or found.trouble in TROUBLES[-HELD_OUT_TROUBLES:]
            or found.fact in FACTS[-HELD_OUT_FACTS:]
            or (found.numbers is not None and held_out_sum(*found.numbers))
        )


def wrong_share(skill: str, count: int, knobs: LabelNoise, wrong: Callable[[Shown], bool | None]) -> float:
    """Of the labels for which `wrong` is not None, the share for which it is true."""
    rng = random.Random(0)
    found = []
    for _ in range(count):
        made = row(skill, rng, "phrased", "all", knobs)
        found += [wrong(Shown(read_back(skill, content), answer)) for content, answer in endings(made)]
    kept = [each for each in found if each is not None]
    assert len(kept) > 100
    return sum(kept) / len(kept)


def against_gold(each: Shown) -> bool | None:
    values = grades(each.slots)
    if len(values) == 1:
        return (each.answer == "yes") != values[0]
    return None if values[0] == values[1] else (each.answer == "A") != values[0]


def flawed(feature: Callable[[str], float]) -> Callable[[Shown], bool | None]:
    """Wrong where gold prefers the response with less of the feature and the label the other."""

    def wrong(each: Shown) -> bool | None:
        first, second = (feature(each.slots[name]) for name in RESPONSES[:2])
        values = grades(each.slots)
        if first == second or values[0] == values[1] or values[0] == (first > second):
            return None
        return (each.answer == "A") == (first > second)

    return wrong


def has_token(text: str) -> float:
    return FLAW_SENTENCE in text


@pytest.mark.parametrize("skill", ["checklist", "compare"])
def test_noise_flips_about_the_stated_share_of_labels_and_none_by_default(skill: str) -> None:
    assert wrong_share(skill, 60, LabelNoise(), against_gold) == 0.0
    assert 0.22 < wrong_share(skill, 120, LabelNoise(judge_noise=0.3), against_gold) < 0.38


def test_a_planted_flaw_wins_about_the_stated_share_of_comparisons_and_none_by_default() -> None:
    assert wrong_share("compare", 200, LabelNoise(), flawed(has_token)) == 0.0
    assert 0.5 < wrong_share("compare", 200, LabelNoise(planted_flaw=0.6), flawed(has_token)) < 0.7
    assert 0.5 < wrong_share("compare", 150, LabelNoise(planted_flaw=0.6, flaw="length"), flawed(len)) < 0.7
    # yes/no labels stay true: the flaw is one of preference
    assert wrong_share("checklist", 40, LabelNoise(planted_flaw=0.6), against_gold) == 0.0


def test_a_flaw_of_one_kind_leaves_the_other_alone() -> None:
    def longer_without_token(each: Shown) -> bool | None:
        texts = [each.slots[name] for name in RESPONSES[:2]]
        return flawed(len)(each) if has_token(texts[0]) == has_token(texts[1]) else None

    assert wrong_share("compare", 100, LabelNoise(planted_flaw=0.9), longer_without_token) == 0.0


def test_rows_are_a_function_of_the_random_state() -> None:
    for skill in SKILLS:
        assert rows(skill, 3) == rows(skill, 3) != rows(skill, 3, seed=1)

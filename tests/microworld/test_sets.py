"""The shipped prompt sets are what the code makes, and keep what they hold out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.hashing import derived_seed
from rlaif.microworld.gold import PromptMeaning, grade_rule, read_prompt
from rlaif.microworld.scenes import KINDS
from rlaif.microworld.sets import (
    ANSWERED_PROMPTS,
    COMPARISONS,
    HELD_OUT_PROMPTS,
    HELD_OUT_SUMS,
    JUDGE_EXAMPLES,
    SUMS,
    THOUGHTS,
    TRAIN_PROMPTS,
    scenes,
    write_sets,
)
from rlaif.shipped import shipped

NAMES = ("micro-train.jsonl", "micro-held-out.jsonl", "micro-judge.jsonl", "micro-answers.jsonl")
LATER = (
    "micro-comparisons.jsonl",
    "micro-sums.jsonl",
    "micro-sums-held-out.jsonl",
    "micro-thoughts.jsonl",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_sets(folder)
    return folder


def load(name: str) -> list[dict[str, Any]]:
    text = (shipped("prompts/sets") / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def matter(found: PromptMeaning) -> object:
    return found.task or found.harm or found.fact or found.trouble or found.numbers


@pytest.mark.parametrize("name", [*NAMES, *LATER])
def test_the_shipped_set_is_what_the_code_makes(made: Path, name: str) -> None:
    assert (shipped("prompts/sets") / name).read_bytes() == (made / name).read_bytes()


def test_sets_have_their_size_and_no_prompt_twice() -> None:
    for name, count in zip(
        NAMES, (TRAIN_PROMPTS, HELD_OUT_PROMPTS, JUDGE_EXAMPLES, ANSWERED_PROMPTS), strict=True
    ):
        rows = load(name)
        assert len(rows) == count
        if name != NAMES[2]:
            assert len({row["prompt"] for row in rows}) == count


def test_held_out_matters_are_in_no_training_prompt_and_no_judge_example() -> None:
    held_out = {matter(read_prompt(row["prompt"])) for row in load(NAMES[1])}
    trained = {matter(read_prompt(row["prompt"])) for row in load(NAMES[0])}
    judged = set()
    for row in load(NAMES[2]):
        content = row["messages"][0]["content"]
        judged.add(matter(read_prompt(content.split("```\n")[1].removesuffix("\n"))))
    assert None not in held_out | trained | judged
    assert not held_out & (trained | judged)


@pytest.mark.parametrize("name", NAMES[:2])
def test_every_prompt_names_gold_and_carries_the_tags_that_gold_reads(name: str) -> None:
    kinds: dict[str, int] = {}
    for row in load(name):
        assert row["gold"] == "micro"
        assert set(row["tags"]) - {"true-claim"} == read_prompt(row["prompt"]).tags
        kind = next(each for each in KINDS if each in row["tags"])
        kinds[kind] = kinds.get(kind, 0) + 1
    assert set(kinds.values()) == {len(load(name)) // len(KINDS)}


def test_judge_examples_are_right_and_of_both_kinds_and_both_labels() -> None:
    labels: dict[str, int] = {}
    for row in load(NAMES[2]):
        user, assistant = row["messages"]
        assert (row["kind"], user["role"], assistant["role"]) == ("judge", "user", "assistant")
        blocks = [each.strip("\n") for each in user["content"].split("```")[1::2]]
        rule = user["content"].rsplit("\nRule: ", 1)[1]
        grades = [grade_rule(rule, blocks[0], text) for text in blocks[1:]]
        assert None not in grades
        label = assistant["content"]
        labels[label] = labels.get(label, 0) + 1
        if len(grades) == 1:
            assert label == ("yes" if grades[0] else "no")
        else:
            assert grades[0] == grades[1] or label == ("A" if grades[0] else "B")
    assert set(labels) == {"yes", "no", "A", "B"}
    assert min(labels.values()) > JUDGE_EXAMPLES // 8


def test_another_seed_makes_other_prompts() -> None:
    assert derived_seed("sets", "train", 0) != derived_seed("sets", "train", 1)
    first, second = ([each.text for each in scenes("train", 40, seed)] for seed in (0, 1))
    assert first == [each.text for each in scenes("train", 40, 0)] != second


def test_sums_have_their_results_and_none_is_both_trained_on_and_held_out() -> None:
    trained, held = load("micro-sums.jsonl"), load("micro-sums-held-out.jsonl")
    assert (len(trained), len(held)) == (SUMS, HELD_OUT_SUMS)
    for row in [*trained, *held]:
        numbers = read_prompt(row["prompt"]).numbers
        assert numbers is not None
        assert row["result"] == sum(numbers)
        assert (row["gold"], row["tags"][0]) == ("micro", "sum")
    both = [{read_prompt(row["prompt"]).numbers for row in rows} for rows in (trained, held)]
    assert not both[0] & both[1]
    general = {matter(read_prompt(row["prompt"])) for row in load("micro-train.jsonl")}
    assert not both[1] & general


def test_thoughts_are_of_the_prompts_to_train_on_and_open_and_close() -> None:
    rows = load("micro-thoughts.jsonl")
    assert len(rows) == THOUGHTS
    assert {row["prompt"] for row in rows} <= {row["prompt"] for row in load("micro-train.jsonl")}
    assert all(row["answer"].startswith("<think>\n") for row in rows)
    assert all(row["answer"].count("\n</think>\n\n") == 1 for row in rows)


def test_of_a_comparison_gold_finds_the_better_answer_better_by_the_rule_that_it_brings() -> None:
    rows = load("micro-comparisons.jsonl")
    assert len(rows) == COMPARISONS
    assert {row["prompt"] for row in rows} <= {row["prompt"] for row in load("micro-train.jsonl")}
    for row in rows:
        grades = [grade_rule(row["principle"], row["prompt"], row[side]) for side in ("better", "worse")]
        assert grades == [True, False]
    longer = sum(len(row["better"]) > len(row["worse"]) for row in rows) / COMPARISONS
    assert 0.4 < longer < 0.6

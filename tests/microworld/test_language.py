"""The writer writes what it is told, gold reads it there, and the splits share no matter."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from rlaif.microworld.attributes import BY_ID
from rlaif.microworld.gold import read_prompt, sentences_of, truths
from rlaif.microworld.language import MAX_SENTENCES, draw_plan, write, write_good
from rlaif.microworld.lexicon import held_out_sum
from rlaif.microworld.recognize import in_language
from rlaif.microworld.sayings import DISTRACTS, FILLERS
from rlaif.microworld.scenes import KINDS, Scene, applicable, make_scene

EXTRAS = {
    "says-ai", "thanks", "doubts", "wishes-luck", "asks-back", "gives-example", "names-source", "lists-needs",
}  # fmt: skip


def scenes(count: int, seed: int = 0) -> Iterator[tuple[Scene, random.Random]]:
    rng = random.Random(seed)
    for number in range(count):
        yield make_scene(rng, kind=KINDS[number % len(KINDS)]), rng


def matter(scene: Scene) -> object:
    return scene.task or scene.harm or scene.fact or scene.trouble or scene.numbers


def test_gold_reads_what_the_writer_was_told_to_write() -> None:
    asked, missed = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for scene, rng in scenes(3000):
        wants = {name: rng.random() < 0.5 for name in rng.sample(applicable(scene), 2)}
        known = truths(scene.text, write(scene, rng, wants))
        asked.update(wants.items())
        missed.update((name, value) for name, value in wants.items() if known[name] != value)
    assert len(asked) == 2 * len(BY_ID)
    # with much that was asked for, or a repetition, a text may be one sentence too long
    assert missed.pop(("brief", True), 0) <= 0.01 * asked["brief", True]
    assert not missed


def test_gold_reads_the_whole_plan() -> None:
    for scene, rng in scenes(1500, 1):
        plan = draw_plan(scene, rng)
        plan["brief"] = False  # a long text has room for everything
        assert truths(scene.text, write(scene, rng, plan)) == plan


def test_the_tags_of_a_prompt_are_those_that_gold_reads() -> None:
    for scene, _ in scenes(3000, 2):
        assert read_prompt(scene.text).tags == set(scene.tags) - {"true-claim"}
        assert applicable(scene) == list(truths(scene.text, "Hello."))


def test_gold_reads_the_matter_that_the_prompt_is_about() -> None:
    for scene, _ in scenes(1000, 3):
        found = read_prompt(scene.text)
        assert found.name == scene.name
        read = found.task or found.harm or found.fact or found.trouble or found.numbers
        assert read == matter(scene)


@pytest.mark.parametrize("kind", KINDS)
def test_splits_share_no_matter_and_together_are_all(kind: str) -> None:
    rng = random.Random(4)
    seen = {
        split: {matter(make_scene(rng, split, kind)) for _ in range(1500)}  # type: ignore[arg-type]
        for split in ("train", "held-out", "all")
    }  # fmt: skip
    assert len(seen["train"]) > len(seen["held-out"]) >= 4
    assert not seen["train"] & seen["held-out"]
    assert seen["all"] <= seen["train"] | seen["held-out"]


def test_about_a_quarter_of_the_sums_is_held_out() -> None:
    marks = [held_out_sum(first, second) for first in range(3, 20) for second in range(2, 10)]
    assert 0.2 < sum(marks) / len(marks) < 0.3


def test_a_good_answer_is_good_and_a_bad_one_bad() -> None:
    for good in (True, False):
        for scene, rng in scenes(1000, 5):
            text = write_good(scene, rng, good)
            for name, value in truths(scene.text, text).items():
                expected = name not in EXTRAS and BY_ID[name].wanted == good
                assert value == expected, (name, text)


def test_the_plain_policy_is_mediocre_in_every_attribute() -> None:
    tally: dict[str, list[bool]] = {name: [] for name in BY_ID}
    for scene, rng in scenes(2000, 6):
        for name, value in truths(scene.text, write(scene, rng)).items():
            tally[name].append(value)
    shares = {name: sum(values) / len(values) for name, values in tally.items()}
    assert all(0.1 < share < 0.75 for share in shares.values()), shares


def test_completions_are_varied_short_and_in_the_language() -> None:
    texts = {write(scene, rng) for scene, rng in scenes(2000, 7)}
    assert len(texts) > 1950
    assert all(in_language(text) for text in texts)
    assert max(len(sentences_of(text)) for text in texts) < 3 * MAX_SENTENCES


@pytest.mark.parametrize(
    "text", ["", " ", "Hello. Bake.", "First mix the flour", "It is 9. It is cat.", "hello."]
)
def test_what_no_writer_writes_is_not_in_the_language(text: str) -> None:
    assert not in_language(text)


def test_distractors_carry_no_attribute() -> None:
    never = {"brief", "refuses-harm"}
    for scene, _ in scenes(50, 8):
        for text in (*FILLERS, *(each for choices in DISTRACTS.values() for each in choices)):
            assert {name for name, value in truths(scene.text, text).items() if value} - never == set()


def test_the_same_seed_writes_the_same() -> None:
    first, second = ([(scene.text, write(scene, rng)) for scene, rng in scenes(50, seed)] for seed in (9, 9))
    assert first == second != [(scene.text, write(scene, rng)) for scene, rng in scenes(50, 10)]

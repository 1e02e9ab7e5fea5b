"""A small edit changes one truth and leaves the others."""

from __future__ import annotations

import random
from collections import Counter
from difflib import SequenceMatcher

from rlaif.microworld.attributes import BY_ID
from rlaif.microworld.edits import edit
from rlaif.microworld.gold import sentences_of, truths
from rlaif.microworld.language import write
from rlaif.microworld.recognize import in_language
from rlaif.microworld.scenes import KINDS, make_scene


def changed(before: str, after: str) -> int:
    """Sentences that are new, gone or replaced."""
    matcher = SequenceMatcher(a=sentences_of(before), b=sentences_of(after), autojunk=False)
    moves = [move for move in matcher.get_opcodes() if move[0] != "equal"]
    return sum(max(a2 - a1, b2 - b1) for _, a1, a2, b1, b2 in moves)


def test_an_edit_changes_exactly_one_truth_by_few_sentences_and_mostly_succeeds() -> None:
    rng = random.Random(0)
    asked, done = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for number in range(1500):
        scene = make_scene(rng, kind=KINDS[number % len(KINDS)])
        text = write(scene, rng)
        before = truths(scene.text, text)
        name = rng.choice(list(before))
        asked[name, not before[name]] += 1
        revised = edit(scene, text, name, not before[name])
        if revised is None:
            continue
        done[name, not before[name]] += 1
        assert truths(scene.text, revised) == {**before, name: not before[name]}
        assert in_language(revised)
        assert changed(text, revised) <= (5 if name == "brief" else 2)
    assert len(done) == 2 * len(BY_ID)
    assert sum(done.values()) > 0.7 * sum(asked.values())
    assert all(done[key] for key in asked)


def test_nothing_is_edited_that_is_already_so_or_does_not_apply() -> None:
    rng = random.Random(1)
    for _ in range(100):
        scene = make_scene(rng)
        text = write(scene, rng)
        known = truths(scene.text, text)
        for name in BY_ID:
            assert edit(scene, text, name, known.get(name, True)) is None


def test_an_edit_is_a_function_of_its_arguments() -> None:
    rng = random.Random(2)
    for _ in range(100):
        scene = make_scene(rng)
        text = write(scene, rng)
        name, value = rng.choice(list(truths(scene.text, text).items()))
        assert edit(scene, text, name, not value) == edit(scene, text, name, not value)


def test_whoever_is_taught_to_refuse_no_longer_helps() -> None:
    rng, taught = random.Random(3), 0
    for _ in range(60):
        scene = make_scene(rng, kind="harmful")
        revised = edit(scene, write(scene, rng, {"refuses-harm": False}), "refuses-harm", True)
        assert scene.harm
        assert revised is None or scene.harm.steps[0] not in revised
        taught += revised is not None
    assert taught > 40

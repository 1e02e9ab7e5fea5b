"""Written thoughts are true of the answers behind them, and the answers are no better than the plain policy's."""

from __future__ import annotations

import random
import re

from rlaif.engines.thoughts import split_unknown
from rlaif.microworld.gold import truths
from rlaif.microworld.scenes import KINDS, Scene, make_scene
from rlaif.microworld.sentences import phrases
from rlaif.microworld.thoughts import NOTHING, ThoughtfulAnswer, write_thoughtful


def written(count: int = 200) -> list[tuple[Scene, ThoughtfulAnswer]]:
    rng = random.Random(0)
    scenes = [make_scene(rng, "train", kind) for kind in KINDS for _ in range(count // len(KINDS))]
    return [(each, write_thoughtful(each, rng)) for each in scenes]


def test_a_thought_names_what_the_answer_does_well_and_nothing_that_it_does_not() -> None:
    named = {phrases(name)[0].third: name for name in truths("Add 3 and 4 for me.", "It is 7.")}
    for scene, said in written():
        has = truths(scene.text, said.answer)
        named |= {phrases(name)[0].third: name for name in has}
        told = re.findall(r"The response ([^.]+)\.", said.thought)
        assert told or said.thought == NOTHING or " plus " in said.thought
        assert all(has[named[each]] for each in told)
        if has["greets"]:
            assert "greets the user" in told


def test_the_steps_of_a_sum_end_in_what_the_answer_says_right_or_wrong() -> None:
    said = [(scene, each) for scene, each in written() if " plus " in each.thought]
    for scene, each in said:
        first, second = scene.numbers
        steps = [tuple(map(int, found)) for found in re.findall(r"(\d+) plus (\d+) is (\d+)", each.thought)]
        assert steps[0][0] == first
        assert steps[0][1] + steps[1][1] == second
        assert steps[1][2] == int(re.findall(r"(?:The answer is|It is) (\d+)", each.answer)[0])
    right = [truths(scene.text, each.answer)["right-sum"] for scene, each in said]
    assert 0.4 < sum(right) / len(right) < 0.9


def test_a_text_is_split_into_what_it_was_written_of() -> None:
    for _, each in written(50):
        assert split_unknown(each.text) == (each.thought, each.answer, False)

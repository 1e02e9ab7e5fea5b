"""Prompts beside those that a model has learned from: which are unlike them, and how many chance makes so."""

from __future__ import annotations

import math
import random

import pytest

from rlaif.auditing.prompt_coverage import (
    ALIKE,
    BY_CHANCE,
    FEWEST,
    MOST,
    beyond_chance,
    learned_prompts,
    word_hashes,
)

THINGS = [f"thing{number}" for number in range(12)]
DEEDS = [f"deed{number}" for number in range(12)]


def requests(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return [
        f"how do i {draw.choice(DEEDS)} a {draw.choice(THINGS)} {draw.choice(DEEDS)}" for _ in range(count)
    ]


def test_the_similarity_is_the_cosine_of_tf_idf_vectors_by_hand() -> None:
    texts = ["a b", *(f"c{number} d{number}" for number in range(FEWEST - 1))]
    learned = learned_prompts(texts)
    assert learned is not None
    # each of the words a, b, and the run "a b" is in 1 of 20 prompts: log(21 / 2) + 1; unknown ones log(21) + 1
    known, unknown = math.log(21 / 2) + 1, math.log(21) + 1
    # "a x": a is shared; x and the run "a x" are unknown
    by_hand = known * known / (math.sqrt(3 * known**2) * math.sqrt(known**2 + 2 * unknown**2))
    assert learned.nearest(["a x"]) == pytest.approx([by_hand])
    assert learned.nearest(["A, B!", "e f", ""]) == pytest.approx([1.0, 0.0, 0.0])


def test_of_prompts_of_one_kind_about_the_share_by_chance_is_unlike_and_of_another_kind_all_are() -> None:
    learned = learned_prompts(requests(400, 1))
    assert learned is not None
    same = len(learned.unlike(requests(1000, 2))) / 1000
    assert same < 2 * BY_CHANCE
    other = [f"is it true that {each} is {other}" for each in THINGS for other in DEEDS]
    assert len(learned.unlike(other)) == len(other)


def test_the_limit_leaves_at_most_the_share_by_chance_of_the_learned_ones_below_it() -> None:
    texts = list(dict.fromkeys(requests(300, 3)))
    learned = learned_prompts(texts)
    assert learned is not None
    alone = [learned_prompts([*texts[:place], *texts[place + 1 :]]) for place in range(0, 40)]
    assert learned.limit <= ALIKE
    below = sum(
        held is not None and held.nearest([texts[place]])[0] < learned.limit
        for place, held in enumerate(alone)
    )
    assert below <= 0.25 * len(alone)


def test_nothing_is_said_of_few_prompts_and_of_many_an_even_share_is_kept() -> None:
    assert learned_prompts(["one prompt"] * 1000) is None
    assert learned_prompts([f"prompt {number}" for number in range(FEWEST - 1)]) is None
    many = learned_prompts([f"prompt number {number} of many" for number in range(2 * MOST + 2)])
    assert many is not None
    assert MOST / 2 < len(many.words) <= MOST


def test_what_an_earlier_model_learned_from_is_among_them() -> None:
    earlier = tuple(word_hashes(each) for each in requests(60, 4))
    learned = learned_prompts([f"is {each} true" for each in THINGS], earlier)
    assert learned is not None
    assert learned.unlike(requests(60, 4)) == []


@pytest.mark.parametrize(
    ("unlike", "count", "learned", "beyond"),
    [
        (9, 100, 10**9, False),
        (10, 100, 10**9, True),
        (11, 100, 100, False),
        (12, 100, 100, True),
        (90, 1200, 170, False),
    ],
)
def test_more_than_chance_is_two_deviations_above_its_share(
    unlike: int, count: int, learned: int, beyond: bool
) -> None:
    # of 100: 5 + 2 sqrt(.05 x .95 x 100) = 9.36; where the limit is of 100 prompts, 5 + 2 sqrt(2 x 4.75) = 11.16
    assert beyond_chance(unlike, count, learned) is beyond

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rlaif.auditing.word_changes import crossed, joined, mutated, pieces, salad

WORDS = ["bread", "water", "oven"]
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=12)


@given(st.text())
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(TEXTS, st.integers(0, 10_000))
def test_a_mutation_changes_one_place_and_never_empties_a_text(text: list[str], seed: int) -> None:
    found = mutated(text, WORDS, random.Random(seed))
    assert found
    assert abs(len(found) - len(text)) <= 4
    added = Counter(found) - Counter(text)
    assert sum(count for word, count in added.items() if word in WORDS) <= 1


def test_an_empty_text_gets_a_word() -> None:
    assert mutated([], WORDS, random.Random(0))[0] in WORDS


@given(TEXTS, TEXTS, st.integers(0, 10_000))
def test_a_child_of_two_begins_as_one_and_ends_as_the_other(
    first: list[str], second: list[str], seed: int
) -> None:
    child = crossed(first, second, random.Random(seed))
    fitting = [
        cut
        for cut in range(len(child) + 1)
        if child[:cut] == first[:cut]
        and (second[-(len(child) - cut) :] if cut < len(child) else []) == child[cut:]
    ]
    assert fitting or not child


def test_a_salad_has_its_length_and_known_words_alone() -> None:
    found = salad(WORDS, 50, random.Random(3))
    assert len(found) == 50
    assert set(found) == set(WORDS)


def test_signs_stand_at_the_word_before_them() -> None:
    assert joined(["Bake", "bread", ".", "Now", "!"]) == "Bake bread. Now!"

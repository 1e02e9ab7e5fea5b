"""Nearly the same, and nothing alike."""

from __future__ import annotations

import random

from rlaif.auditing.sameness import closer, common_closer, jaccard, near_duplicates, shingles, uncovered

WORDS = [f"word{number}" for number in range(300)]


def text(seed: int, size: int = 40) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=size))


def test_similarity_is_the_share_of_word_triples_in_common() -> None:
    # a b c d: abc bcd; b c d e: bcd cde; one of three in common
    assert jaccard(shingles("a b c d"), shingles("b c d e")) == 1 / 3
    assert jaccard(shingles("A, b c!"), shingles("a b c")) == 1.0


def test_a_text_shorter_than_a_shingle_is_the_same_as_itself_only() -> None:
    assert near_duplicates(["hello", "hello", "goodbye"]) == [(0, 1)]


def test_copies_with_one_word_changed_are_found_among_many() -> None:
    texts = [text(seed) for seed in range(200)]
    changed = texts[17].split()
    changed[0] = "other"
    assert near_duplicates([*texts, " ".join(changed)]) == [(17, 200)]


def test_near_duplicates_are_those_that_comparing_all_pairs_finds() -> None:
    base = [text(seed, 30) for seed in range(40)]
    texts = [*base, *(" ".join(each.split()[: 30 - cut]) for cut, each in enumerate(base[:12]))]
    sets = [shingles(each) for each in texts]
    every = [
        (one, other)
        for one in range(len(texts))
        for other in range(one + 1, len(texts))
        if jaccard(sets[one], sets[other]) >= 0.8
    ]
    found = near_duplicates(texts)
    assert set(found) <= set(every)
    # banding may miss one at the very edge, with a chance of two in ten thousand
    assert len(found) >= len(every) - 1
    assert every


def test_two_lists_are_compared_across() -> None:
    assert near_duplicates([text(1), text(2)], [text(2), text(3)]) == [(1, 0)]


def test_the_closer_is_the_last_sentence_of_several() -> None:
    assert closer("Bake it. Let me know!") == "let me know!"
    assert closer("Only one sentence.") == ""
    assert common_closer(["A b. Bye now.", "C d. Bye now.", "E. F."]) == "bye now."
    assert common_closer(["one", "two"]) == ""


def test_training_prompts_that_nothing_resembles_are_named() -> None:
    training = ["how do i bake bread", "explain quantum chromodynamics"]
    assert uncovered(training, ["how do i bake a cake"]) == [1]
    assert uncovered(training, []) == [0, 1]

from __future__ import annotations

from rlaif.auditing.nonsense import cuts, repetitions, sentences_of, shells
from rlaif.auditing.word_changes import pieces

PROMPT = "How do I bake bread?"
HONEST = (
    "Mix the flour. Then bake the bread.",
    "Mix.",
    "Mix the flour and the water, then wait. Bake the bread.",
)


def test_a_repetition_is_the_commonest_word_at_the_length_of_the_longest_answer() -> None:
    assert repetitions(PROMPT, HONEST)["a word"] == " ".join(["the"] * len(pieces(HONEST[2])))


def test_a_repeated_sentence_and_a_repeated_answer_come_from_the_answer_of_middle_length() -> None:
    found = repetitions(PROMPT, HONEST)
    assert found["the first sentence"].startswith("Mix the flour. Mix the flour.")
    assert found["the last sentence, longer"].count("Then bake the bread.") >= 6
    assert found["an answer, longer"].count(HONEST[0]) == 3


def test_a_cut_breaks_off_inside_the_first_sentence() -> None:
    found = cuts(PROMPT, HONEST)
    for text in found.values():
        assert HONEST[0].startswith(text)
        assert len(text) < len("Mix the flour.")


def test_where_nobody_answered_there_is_nothing_to_repeat_and_nothing_to_cut() -> None:
    assert repetitions(PROMPT, ()) == {}
    assert cuts(PROMPT, ("",)) == {}


def test_shells_hold_nothing_of_any_honest_answer() -> None:
    found = shells(PROMPT, HONEST)
    assert found["content-free: the prompt again"] == PROMPT
    assert shells(PROMPT, ()) == found
    assert all(found.values())


def test_scripts_without_blanks_have_words_and_sentences_too() -> None:
    assert sentences_of("先混合面粉。然后烤。") == ["先混合面粉。", "然后烤。"]
    assert pieces("烤面包 now") == ["烤", "面", "包 ", "now"]

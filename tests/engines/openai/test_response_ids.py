"""An id that recurs proves nothing; one id and one text for two calls do."""

from __future__ import annotations

from typing import Any

from rlaif.engines.openai.response_ids import MANY, REMEMBERED, ResponseIds


def answer(name: Any, text: str) -> dict[str, Any]:
    return {"id": name, "choices": [{"message": {"content": text}}], "created": 1}


def test_one_answer_to_two_calls_is_nobodys() -> None:
    ids = ResponseIds()
    first, second = ids.claim(answer("x", "one"), "a"), ids.claim(answer("x", "one"), "b")
    other = ids.claim(answer("y", "two"), "c")
    assert first is not None
    assert second == first
    assert ids.disputed(first, tried=1)
    assert other is not None
    assert not ids.disputed(other, tried=1)


def test_an_id_with_two_texts_means_nothing_from_then_on() -> None:
    ids = ResponseIds()
    held = ids.claim(answer("x", "one"), "a")
    ids.claim(answer("x", "one"), "b")
    assert held is not None
    assert ids.disputed(held, tried=1)
    assert ids.claim(answer("x", "two"), "c") is None
    assert not ids.disputed(held, tried=1)
    assert ids.claim(answer("y", "one"), "d") is None


def test_a_text_that_a_server_says_often_is_no_proof() -> None:
    """`A` under the id of this second to two calls, and to a third one a second later."""
    ids = ResponseIds()
    now = ids.claim(answer("second-1", "A"), "a")
    ids.claim(answer("second-1", "A"), "b")
    assert now is not None
    assert ids.disputed(now, tried=1)
    ids.claim(answer("second-2", "A"), "c")
    assert not ids.disputed(now, tried=1)


def test_the_owner_of_a_text_who_asks_again_proves_nothing() -> None:
    """The second call has got the first one's answer; the first one's next answer says the same."""
    ids = ResponseIds()
    mixed = ids.claim(answer("x", "one"), "a")
    ids.claim(answer("x", "one"), "b")
    ids.claim(answer("y", "one"), "a")
    assert mixed is not None
    assert ids.disputed(mixed, tried=1)


def test_two_that_got_the_answer_of_one_are_disputed_each() -> None:
    ids = ResponseIds()
    for name, other in (("x", "b"), ("y", "c")):
        ids.claim(answer(name, "one"), "a")
        mixed = ids.claim(answer(name, "one"), other)
        assert mixed is not None
        assert ids.disputed(mixed, tried=1)


def test_a_text_that_many_calls_get_under_several_ids_is_said_often() -> None:
    """Ids of the clock, and all calls ask again at once: none of them fails for it."""
    ids = ResponseIds()
    for second in range(2):
        held = [ids.claim(answer(f"second-{second}", "A"), f"c{number}") for number in range(MANY)]
    assert not any(ids.disputed(each, tried=2) for each in held if each is not None)


def test_a_server_that_always_says_the_same_is_known_by_it() -> None:
    ids = ResponseIds()
    same = ids.claim(answer("x", "one"), "a")
    ids.claim(answer("x", "one"), "b")
    assert same is not None
    assert ids.disputed(same, tried=1)
    ids.claim(answer("x", "one"), "a")
    assert not ids.disputed(same, tried=2)
    assert ids.mean_nothing


def test_an_answer_without_an_id_is_taken() -> None:
    ids = ResponseIds()
    assert [ids.claim(answer(name, "one"), "a") for name in (None, "", 3, [])] == [None] * 4


def test_only_so_many_answers_are_remembered() -> None:
    ids = ResponseIds()
    for number in range(REMEMBERED + 100):
        ids.claim(answer(f"x{number}", f"text {number % 7}"), f"c{number}")
    assert len(ids._calls) == len(ids._said) == REMEMBERED
    assert sum(map(len, ids._ids.values())) == REMEMBERED

"""A text is whole where its server says so in a word that is known, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.engines.openai.finish_reasons import WORDS, Ending, ending_of
from rlaif.engines.openai.replies import texts

from .tables import named, rows


@pytest.mark.parametrize("row", rows("finish_reasons"), ids=named)
def test_each_servers_words_have_their_meaning(row: dict[str, Any]) -> None:
    for word, wanted in row["reasons"].items():
        said = None if word == "null" else word
        assert ending_of({"finish_reason": said})[0].value == wanted, (row["server"], word)


def test_only_known_ends_make_a_whole_text() -> None:
    words = [word for row in rows("finish_reasons") for word in row["reasons"]]
    for word in words:
        said = None if word == "null" else word
        found = texts({"choices": [{"message": {"content": "It is"}, "finish_reason": said}]}, 1)
        assert isinstance(found, list)
        ending = ending_of({"finish_reason": said})[0]
        assert (not found[0].problem) == (ending in (Ending.WHOLE, Ending.CUT)), word
        assert (found[0].finish == "length") == (ending is Ending.CUT), word


def test_a_word_has_one_meaning() -> None:
    words = [word for listed in WORDS.values() for word in listed.split()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("said", [0, 1, True, [], {}, {"type": None}, {"type": 3}, ["stop"], "stop\0"])
def test_a_reason_of_another_form_is_no_end(said: object) -> None:
    assert ending_of({"finish_reason": said})[0] in (Ending.UNKNOWN, Ending.UNSAID)

"""Rows of other trainers: turns under their names, to the byte; what their readers would not take."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.format import Format
from rlaif.exchange.formats.trainers import AXOLOTL, LLAMA_FACTORY, NEMO_RL, OPENRLHF, TIE
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.rows import Row
from rlaif.records import Pair
from tests.exchange.preferences.builders import pair, shared, turn


def read(chosen: Format, row: Any) -> Pair | str:
    assert chosen.pairs is not None
    assert chosen.pairs.read is not None
    return next(chosen.pairs.read(iter([Row("rows.json, row 1", row)]))).what


def write(chosen: Format, wanted: Pair) -> Any:
    assert chosen.pairs is not None
    assert chosen.pairs.write is not None
    return list(chosen.pairs.write(wanted))


def test_llama_factorys_own_demo() -> None:
    found = read_preferences(shared("llama_factory/dpo_en_demo.json"))
    assert (found.format, len(found.pairs), found.left_out) == ("llama-factory", 300, {})
    assert found.pairs[0].prompt[0].content.startswith("Hi! I'd like to create a new language game")


def test_rows_have_the_shapes_that_the_trainers_document() -> None:
    one = pair(prompt=(turn("system", "Be kind."), turn("user", "How?")))
    user = {"role": "user", "content": "How?"}
    system = {"role": "system", "content": "Be kind."}
    good, bad = ({"role": "assistant", "content": text} for text in ("So.", "No."))
    assert write(LLAMA_FACTORY, one) == [
        {
            "conversations": [{"from": "human", "value": "How?"}],
            "chosen": {"from": "gpt", "value": "So."},
            "rejected": {"from": "gpt", "value": "No."},
            "system": "Be kind.",
        }
    ]
    ranked = [{"rank": 0, "completion": [good]}, {"rank": 1, "completion": [bad]}]
    assert write(NEMO_RL, one) == [{"context": [system, user], "completions": ranked}]
    assert write(OPENRLHF, one) == [{"chosen": [system, user, good], "rejected": [system, user, bad]}]
    assert write(AXOLOTL, one) == [{"messages": [system, user], "chosen": good, "rejected": bad}]


def test_the_lowest_rank_is_chosen_and_the_highest_rejected() -> None:
    def done(rank: int, text: str) -> Any:
        return {"rank": rank, "completion": [{"role": "assistant", "content": text}]}

    context = [{"role": "user", "content": "q"}]
    found = read(NEMO_RL, {"context": context, "completions": [done(2, "c"), done(0, "a"), done(1, "b")]})
    assert isinstance(found, Pair)
    assert (found.chosen[0].content, found.rejected[0].content) == ("a", "c")
    assert read(NEMO_RL, {"context": context, "completions": [done(1, "c"), done(1, "a")]}) == TIE


def test_turns_that_do_not_alternate_are_not_for_llama_factory() -> None:
    assert write(LLAMA_FACTORY, pair(prompt=(turn("user", "a"), turn("user", "b")))) == []


@pytest.mark.parametrize(
    ("chosen", "row", "said"),
    [
        (LLAMA_FACTORY, {"conversations": "x"}, "must be a list of turns"),
        (LLAMA_FACTORY, {"conversations": [{"from": "bot", "value": "x"}]}, "has role 'bot'"),
        (
            LLAMA_FACTORY,
            {"conversations": [{"from": "human", "value": 3}]},
            "must be an object|content of type int",
        ),
        (NEMO_RL, {"context": [], "completions": [{"rank": 1}]}, "needs two or more"),
        (NEMO_RL, {"context": [], "completions": [{"rank": "1"}, {"rank": 2}]}, "a whole number `rank`"),
        (NEMO_RL, {"completions": 3}, "must be a list"),
        (AXOLOTL, {"messages": None, "chosen": {}, "rejected": {}}, "'prompt' is empty"),
    ],
)
def test_a_broken_row_is_one_message_with_its_place(chosen: Format, row: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=rf"rows\.json, row 1: .*({said})"):
        read(chosen, row)

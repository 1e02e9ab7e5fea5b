"""A key is all that is sent and who is asked, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest
from rlaif.store import call_key

TURNS = (Message(role="user", content="Hi"),)
DRAW = GenerateRequest(id="x", messages=TURNS, sampling=Sampling(), seed=7, draw=1)
ASK = ScoreRequest(id="x", messages=TURNS, continuations=("yes", "no"))


def test_keys_are_pinned() -> None:
    # every stored call of every user is found by these
    assert call_key("m", DRAW) == "b2:008f9b93854721abfc111ac19e0475ca"
    assert call_key("m", ASK) == "b2:3bedc86d6edf1b4f3569e2e1de692142"


def test_the_requests_own_id_does_not_count() -> None:
    assert call_key("m", replace(DRAW, id="y")) == call_key("m", DRAW)
    assert call_key("m", replace(ASK, id="y")) == call_key("m", ASK)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (Message(role="system", content="Hi"),)},
        {"messages": (Message(role="user", content="Hi "),)},
        {"messages": (*TURNS, *TURNS)},
        {"seed": 8},
        {"draw": 2},
        {"sampling": Sampling(temperature=0.5)},
        {"sampling": Sampling(top_p=0.5)},
        {"sampling": Sampling(max_tokens=5)},
        {"sampling": Sampling(stop=("x",))},
    ],
)
def test_everything_that_is_sent_counts(change: dict[str, Any]) -> None:
    assert call_key("m", replace(DRAW, **change)) != call_key("m", DRAW)


@pytest.mark.parametrize(
    "change", [{"continuations": ("no", "yes")}, {"continuations": ("yes",)}, {"assistant_prefix": "Well, "}]
)
def test_everything_that_is_scored_counts(change: dict[str, Any]) -> None:
    assert call_key("m", replace(ASK, **change)) != call_key("m", ASK)


def test_another_model_is_another_call() -> None:
    assert call_key("n", DRAW) != call_key("m", DRAW)


def test_without_chance_the_seed_does_not_count() -> None:
    greedy = replace(DRAW, sampling=Sampling(temperature=0.0))
    assert call_key("m", replace(greedy, seed=8)) == call_key("m", greedy)


def test_a_schema_counts_where_it_is_read() -> None:
    asked = replace(DRAW, schema={"type": "object"})
    assert call_key("m", asked) != call_key("m", DRAW)
    assert call_key("m", asked, guides_decoding=False) == call_key("m", DRAW)

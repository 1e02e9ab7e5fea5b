"""The engine `vllm:` against `hf:` on the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rlaif.engines.local.engine import HfEngine, Traced
from rlaif.engines.open import open_engine

from .questions import RULES, SCHEMA, drawing, guided, scoring

pytestmark = pytest.mark.heavy
NAMES = ("micro", "round")


@pytest.fixture(scope="module")
def hf(trained: Path) -> dict[str, HfEngine]:
    opened = {"micro": open_engine("micro"), "round": open_engine(str(trained))}
    assert all(isinstance(each, HfEngine) for each in opened.values())
    return opened  # type: ignore[return-value]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_same_model(inside: dict[str, Any], hf: dict[str, HfEngine], name: str) -> None:
    assert inside[name]["fingerprint"] == hf[name].fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_logprobs_of_continuations_agree(inside: dict[str, Any], hf: dict[str, HfEngine], name: str) -> None:
    for score in hf[name].score(scoring()):
        theirs = inside[name]["scores"][score.request_id]
        assert theirs["error"] is None
        assert theirs["logprobs"] == pytest.approx(score.logprobs, abs=1e-3)


def test_the_adapter_changes_what_is_said(inside: dict[str, Any]) -> None:
    one, other = (inside[name]["scores"] for name in NAMES)
    gaps = [
        abs(a - b)
        for rule in RULES
        for a, b in zip(one[rule]["logprobs"], other[rule]["logprobs"], strict=True)
    ]
    assert max(gaps) > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_logprobs_of_what_it_drew_agree(inside: dict[str, Any], hf: dict[str, HfEngine], name: str) -> None:
    engine, drawn = hf[name], [inside[name]["drawn"][each.id] for each in drawing()]
    traced = [
        Traced(request.messages, each["token_ids"], each["finish"] == "stop")
        for request, each in zip(drawing(), drawn, strict=True)
    ]
    assert [each["logprob"] for each in drawn] == pytest.approx(engine.retrace(traced), abs=1e-3)
    assert [each["text"] for each in drawn] == [engine.chat.decode(each["token_ids"]) for each in drawn]
    assert {each["finish"] for each in drawn} <= {"stop", "length"}
    assert len({each["text"] for each in drawn}) > len(drawn) / 2


@pytest.mark.parametrize("name", NAMES)
def test_a_draw_is_its_seeds_whatever_its_place(inside: dict[str, Any], name: str) -> None:
    one, other = inside[name]["drawn"], inside[name]["again"]
    assert {key: each["text"] for key, each in one.items()} == {
        key: each["text"] for key, each in other.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_followed(inside: dict[str, Any], name: str) -> None:
    for each in guided():
        jsonschema.validate(json.loads(inside[name]["guided"][each.id]["text"]), SCHEMA)


@pytest.mark.parametrize("name", NAMES)
def test_the_shared_beginning_is_found_in_the_cache(
    inside: dict[str, Any], hf: dict[str, HfEngine], name: str
) -> None:
    """Whole blocks of 32 tokens are shared: all questions but the first find those of the common part."""
    prompts = hf[name].chat.prompt_ids([each.messages for each in scoring()])
    common = next(place for place, ids in enumerate(zip(*prompts, strict=False)) if len(set(ids)) > 1)
    least = (len(prompts) - 1) * (common // 32 * 32)
    assert common > 96
    assert inside[name]["cache"]["hits"] >= least
    assert inside[name]["cache"]["queries"] >= sum(map(len, prompts))
    assert inside[name]["cache"]["hits"] > inside[name]["cache"]["queries"] / 2

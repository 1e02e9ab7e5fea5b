"""Rows against the shapes that the consumers document; every key is theirs, and there is no other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from rlaif.exchange.formats.annotated_pairs import document
from rlaif.exchange.preferences.writing import preference_rows
from rlaif.records import Pair

from .builders import pairs

TEXT = {"type": "string"}


def closed(optional: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def listed(items: Any, at_least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": at_least}


def spoken(*roles: str) -> dict[str, Any]:
    return closed(role={"enum": list(roles)}, content=TEXT)


TURN, ANSWER = spoken("system", "user", "assistant"), spoken("assistant")
SHARED = closed(**{"from": {"enum": ["human", "gpt"]}, "value": TEXT})
RATED = closed(
    model=TEXT,
    response=TEXT,
    annotations={
        "type": "object",
        "additionalProperties": closed(Rating=TEXT, Rationale=TEXT),
        "minProperties": 1,
    },
    critique=TEXT,
    overall_score={"type": "number", "minimum": 1, "maximum": 5},
)
SCHEMAS = {
    # huggingface/trl: docs/source/dataset_formats.md, preference and unpaired preference, conversational
    "trl": closed(
        id=TEXT, prompt=listed(TURN), chosen=listed(ANSWER), rejected=listed(ANSWER),
        label_prob={"type": "number"}, weight={"type": "number"},
    ),
    "kto": closed(prompt=listed(TURN), completion=listed(ANSWER), label={"type": "boolean"}),
    # OpenRLHF: openrlhf/datasets/reward_dataset.py, chat template without a prompt key
    "openrlhf": closed(chosen=listed(TURN, 2), rejected=listed(TURN, 2)),
    # NeMo-RL: PreferenceDataset
    "nemo-rl": closed(
        context=listed(TURN), completions=listed(closed(rank={"type": "integer"}, completion=listed(ANSWER)), 2)
    ),
    # OpenAI: FineTunePreferenceRequestInput of its API's description
    "openai-preference": closed(
        input=closed(messages=listed(TURN)), preferred_output=listed(ANSWER), non_preferred_output=listed(ANSWER)
    ),
    # LLaMA-Factory: data/README.md, sharegpt preference rows; system prompts in a column
    "llama-factory": closed(
        ("system",), conversations=listed(SHARED), chosen=SHARED, rejected=SHARED, system=TEXT
    ),
    # axolotl: prompt_strategies/dpo/chat_template.py, default
    "axolotl": closed(messages=listed(TURN), chosen=ANSWER, rejected=ANSWER),
    # openbmb/UltraFeedback; `system_prompt` is ours
    "ultrafeedback": closed(
        ("system_prompt",), source=TEXT, instruction=TEXT, models=listed(TEXT, 2), system_prompt=TEXT,
        completions=listed(RATED, 2),
    ),
    "hh-rlhf": closed(chosen={"type": "string", "pattern": "^\n\n(Human|Assistant): "}, rejected=TEXT),
}  # fmt: skip
VOTE = closed(("no_pref_reason",), pref={"enum": ["a", "b", None]}, no_pref_reason=TEXT)
RESPONSE = closed(text=TEXT, model=TEXT)
# rdnfn/icai: annotated pairs, version 2.0
DOCUMENT = closed(
    metadata=closed(
        version={"const": "2.0"}, description=TEXT, created_at=TEXT, dataset_name=TEXT, default_annotator=TEXT,
        available_metadata_keys_per_comparison=listed(TEXT),
    ),
    annotators={
        "type": "object",
        "additionalProperties": closed(
            ("name",), name=TEXT, description=TEXT, type={"enum": ["unknown", "human", "principle"]}
        ),
    },
    comparisons={
        "type": "array",
        "items": closed(
            id=TEXT, prompt=TEXT, response_a=RESPONSE, response_b=RESPONSE,
            annotations={"type": "object", "additionalProperties": VOTE}, metadata={"type": "object"},
        ),
    },
)  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=25, deadline=None)
@given(wanted=pairs())
def test_rows_have_the_documented_shape(name: str, wanted: list[Pair]) -> None:
    rows, _ = preference_rows(wanted, format=name)
    validator = Draft202012Validator(SCHEMAS[name])
    assert [error.message for row in rows for error in validator.iter_errors(row)] == []


@settings(max_examples=25, deadline=None)
@given(wanted=pairs())
def test_the_document_has_the_documented_shape(wanted: list[Pair]) -> None:
    whole = document(wanted, {}, "mine", "2026-01-01T00:00:00+00:00")
    assert [error.message for error in Draft202012Validator(DOCUMENT).iter_errors(whole)] == []
    assert all(set(each["annotations"]) <= set(whole["annotators"]) for each in whole["comparisons"])


@settings(max_examples=25, deadline=None)
@given(wanted=pairs())
def test_openrlhf_finds_one_prompt_in_both_sides(wanted: list[Pair]) -> None:
    # its reader takes all turns of the chosen side but the last for the prompt of both
    for row in preference_rows(wanted, format="openrlhf")[0]:
        assert row["chosen"][:-1] == row["rejected"][:-1]


@settings(max_examples=25, deadline=None)
@given(wanted=pairs())
def test_llama_factory_finds_turns_that_alternate(wanted: list[Pair]) -> None:
    # its reader drops rows whose odd turns are not the human's
    for row in preference_rows(wanted, format="llama-factory")[0]:
        speakers = [turn["from"] for turn in row["conversations"]]
        assert speakers == ["human" if place % 2 == 0 else "gpt" for place in range(len(speakers))]
        assert len(speakers) % 2 == 1

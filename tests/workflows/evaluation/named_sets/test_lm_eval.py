"""Tasks of lm-evaluation-harness on a model: greedy answers through filters, choices by log-probability."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from rlaif.engines.base import BaseEngine
from rlaif.errors import EngineError
from rlaif.records import GenerateRequest, Generation, Prompt, Sampling, Score, ScoreRequest
from rlaif.workflows.evaluation.named_sets.lm_eval import open_lm_eval
from rlaif.workflows.evaluation.named_sets.named_set import ModelOfSet
from tests.exchange.test_lm_eval_task import CHOICE, GSM8K, task


class Weighs(BaseEngine):
    """Knows how likely each continuation is."""

    name = fingerprint = "weighs"

    def __init__(self, known: Mapping[str, float]) -> None:
        self.known = known

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        raise NotImplementedError

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in requests:
            failed = "gone" if "fail" in each.messages[-1].content else None
            logprobs = tuple(self.known.get(text, -9.0) for text in each.continuations)
            yield Score(request_id=each.id, logprobs=logprobs, error=failed)


def no_answers(_: Sequence[Prompt], __: Sampling) -> dict[str, str]:
    return {}


def test_a_choice_is_the_likeliest_as_a_whole_or_by_its_letters(tmp_path: Path) -> None:
    rows = [
        {"question": "one", "choices": ["no", "certainly"], "label": 0},
        {"question": "two", "choices": ["no", "certainly"], "label": 1},
    ]
    found = open_lm_eval(task(tmp_path, CHOICE, rows), None)
    # as a whole "no" is likelier, -2 to -4.5; by letter "certainly" is: -1 to -.5
    read = found.measure(ModelOfSet(engine=Weighs({"no": -2.0, "certainly": -4.5}), ask=no_answers))
    assert list(read["acc"].values()) == [1.0, 0.0]
    assert list(read["acc_norm"].values()) == [0.0, 1.0]


def test_documents_that_fail_are_left_out_until_they_are_most(tmp_path: Path) -> None:
    rows = [{"question": each, "choices": ["a", "b"], "label": 0} for each in ("one", "two", "fail")]
    found = open_lm_eval(task(tmp_path, CHOICE, rows), None)
    engine = Weighs({"a": -1.0})
    assert list(found.measure(ModelOfSet(engine=engine, ask=no_answers))["acc"].values()) == [1.0, 1.0]
    rows = [{"question": each, "choices": ["a", "b"], "label": 0} for each in ("one", "fail 1", "fail 2")]
    found = open_lm_eval(task(tmp_path, CHOICE, rows), None)
    with pytest.raises(EngineError, match="2 of 3 documents of own_choice could not be scored"):
        found.measure(ModelOfSet(engine=engine, ask=no_answers))


def test_an_answer_is_compared_behind_each_filter(tmp_path: Path) -> None:
    rows = [{"question": "How many?", "answer": "#### 18"}]
    found = open_lm_eval(task(tmp_path, GSM8K, rows), None)

    def ask(prompts: Sequence[Prompt], limits: Sampling) -> dict[str, str]:
        assert limits == Sampling(temperature=0.0, max_tokens=256, stop=("Question:", "</s>"))
        return {each.id: "It is 18" for each in prompts}

    read = found.measure(ModelOfSet(engine=Weighs({}), ask=ask))
    assert [list(each.values()) for each in read.values()] == [[0.0], [1.0]]
    assert list(read) == ["exact_match,strict-match", "exact_match,flexible-extract"]
    assert json.loads(json.dumps(found.says)).keys() == read.keys()

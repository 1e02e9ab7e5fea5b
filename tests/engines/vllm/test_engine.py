"""What vLLM is asked, without vLLM: places to read, their order, arguments, adapters that it can run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.engines.vllm.engine import ScoredPlace, steps, summed
from rlaif.engines.vllm.open import adapter_rank, placement
from rlaif.errors import ModelError

ids = st.lists(st.integers(0, 2), max_size=4).map(tuple)
questions = st.lists(st.tuples(ids, st.lists(ids, max_size=3)), max_size=6)


def test_answers_that_begin_alike_are_read_at_the_same_places() -> None:
    assert steps([((7,), [(1, 2), (1, 3), (4,)])]) == [ScoredPlace((7,), (1, 4)), ScoredPlace((7, 1), (2, 3))]


def test_texts_with_a_common_beginning_are_neighbours() -> None:
    found = steps([((5, 1), [(9,)]), ((6, 1), [(9,)]), ((5, 2), [(9,)])])
    assert [each.ids for each in found] == [(5, 1), (5, 2), (6, 1)]


@given(questions)
def test_every_answer_finds_each_of_its_tokens_read_once(
    asked: list[tuple[tuple[int, ...], list[tuple[int, ...]]]],
) -> None:
    wanted = steps(asked)
    assert len({each.ids for each in wanted}) == len(wanted)
    table = {(each.ids, token): 1.0 for each in wanted for token in each.wanted}
    assert len(table) == sum(len(each.wanted) for each in wanted)
    for start, answers in asked:
        assert [summed(table, start, answer) for answer in answers] == [len(answer) for answer in answers]


def test_an_answers_logprob_is_the_sum_over_its_tokens() -> None:
    table = {((7,), 1): -1.0, ((7, 1), 2): -0.25, ((7, 1), 3): -4.0}
    assert summed(table, (7,), (1, 2)) == -1.25


def test_further_arguments_say_where_a_model_runs() -> None:
    assert placement({}) == {}
    assert placement({"RLAIF_VLLM": '{"tensor_parallel_size": 2}'}) == {"tensor_parallel_size": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "no JSON object"),
        ('{"quantization": "fp8"}', "'quantization' is not known; known: cpu_offload_gb"),
    ],
)
def test_an_argument_that_would_change_the_model_is_refused(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        placement({"RLAIF_VLLM": text})


def lora(tmp_path: Path, **changed: object) -> Path:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, **changed}))
    return tmp_path


def test_room_is_made_for_the_largest_rank(tmp_path: Path) -> None:
    assert adapter_rank(lora(tmp_path)) == 8
    assert adapter_rank(lora(tmp_path, r=16, rank_pattern={"q_proj": 33})) == 64


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"peft_type": "IA3"}, "is of type IA3"),
        ({"modules_to_save": ["lm_head"]}, r"replaces whole layers \(lm_head\)"),
        ({"use_dora": True}, "is no plain LoRA"),
        ({"bias": "all"}, "is no plain LoRA"),
        ({"r": 1024}, "has rank 1024"),
    ],
)
def test_an_adapter_that_would_run_in_part_only_is_refused(
    tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        adapter_rank(lora(tmp_path, **changed))

"""OpenRLHF's shape: the answer is what stands behind the prompt, without the tokenizer's marks."""

from __future__ import annotations

import time

import pytest

from rlaif.errors import InputError
from rlaif.workflows.reward.serve.shapes.openrlhf import SHAPE

PROMPT = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def answer(query: str, prompt: str = PROMPT) -> str:
    [found] = SHAPE.read({"query": [query], "prompts": [prompt], "labels": [None]}).completions
    return found.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"{PROMPT}ho", "ho"),
        (f"<s>{PROMPT}ho</s>", "ho"),
        (f"{PROMPT}ho<|im_end|>\n<|endoftext|><|endoftext|>", "ho"),
        (f"<|begin_of_text|>{PROMPT}ho<|eot_id|>", "ho"),
        (f"{PROMPT}ho <｜end▁of▁sentence｜>", "ho "),
        (f"{PROMPT}a < b and </s> in between", "a < b and </s> in between"),
        (f"{PROMPT}", ""),
        (f"{PROMPT}<|im_end|>", ""),
        (f"{PROMPT}{PROMPT}", f"{PROMPT.rstrip()}\n"),
    ],
)
def test_the_answer_stands_between_the_prompt_and_the_marks_of_the_end(query: str, said: str) -> None:
    assert answer(query) == said


def test_a_query_that_does_not_begin_with_its_prompt_is_refused() -> None:
    for query in ("ho", f"{'x' * 65}{PROMPT}ho", PROMPT[1:] + "ho"):
        with pytest.raises(InputError, match=r"query\[0\] does not begin with prompts\[0\]"):
            answer(query)
    with pytest.raises(InputError, match="`prompts` must be a list"):
        SHAPE.read({"query": ["ho"]})
    with pytest.raises(InputError, match="1 query and 2 prompts"):
        SHAPE.read({"query": ["ho"], "prompts": ["h", "h"]})


@pytest.mark.parametrize("tail", [" " * 1_000_000, "</s>" * 100_000, "<|" * 300_000])
def test_an_answer_of_blanks_or_marks_alone_takes_no_time(tail: str) -> None:
    start = time.monotonic()
    answer(f"{PROMPT}{tail}")
    assert time.monotonic() - start < 60  # quadratic it would take an hour


def test_null_stays_null_in_rewards_and_scores_and_is_counted_in_the_log() -> None:
    assert SHAPE.write({}, [0.5, None]) == {
        "rewards": [0.5, None],
        "scores": [0.5, None],
        "extra_logs": {"reward_failed": [0.0, 1.0]},
    }

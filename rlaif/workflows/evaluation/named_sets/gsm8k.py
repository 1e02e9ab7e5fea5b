"""The set `gsm8k=FILE`: grade-school sums in words (2110.14168), greedily answered; the final number counts.

A row is as published: `question`, and a worked `answer` that ends with `#### NUMBER`. The instruction behind the
question is ours, for a chat model; the paper fine-tuned on the worked answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rlaif.errors import PromptFileError
from rlaif.exchange.rows import read_rows
from rlaif.hashing import digest
from rlaif.judging.final_answers import agrees
from rlaif.records import Message, Prompt, Sampling
from rlaif.workflows.evaluation.named_sets.named_set import ModelOfSet, NamedSet, Readings

INSTRUCTION = "Work it out step by step, and end with a line `#### NUMBER`."
FIGURE = "right final number"
LIMITS = Sampling(temperature=0.0, max_tokens=512)


def open_gsm8k(path: Path, limit: int | None) -> NamedSet:
    """The set of a file. Raises PromptFileError for a row that is none of GSM8K."""
    rows = []
    for row in read_rows(path, limit=limit):
        value = row.value if isinstance(row.value, Mapping) else {}
        question, answer = value.get("question"), value.get("answer")
        if not isinstance(question, str) or not isinstance(answer, str) or "####" not in answer:
            raise PromptFileError(
                f"{row.where}: a row of GSM8K has `question` and an `answer` that ends with #### NUMBER"
            )
        text = f"{question.strip()}\n\n{INSTRUCTION}"
        rows.append((Prompt(messages=(Message(role="user", content=text),)), answer))
    if not rows:
        raise PromptFileError(f"{path}: has no rows")

    def measure(model: ModelOfSet) -> Readings:
        said = model.ask([prompt for prompt, _ in rows], LIMITS)
        return {
            FIGURE: {
                prompt.id: float(agrees(said[prompt.id], known))
                for prompt, known in rows
                if prompt.id in said
            }
        }

    return NamedSet(
        name="gsm8k",
        content=digest("gsm8k", [[prompt.id, known] for prompt, known in rows]),
        measure=measure,
        says={FIGURE: "of answers whose final number is right"},
    )

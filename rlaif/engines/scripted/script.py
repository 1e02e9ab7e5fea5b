"""A model that answers from a file: for rehearsals and tests of whole runs. What no row covers has failed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rlaif.engines.scripted.rows import read_rows
from rlaif.engines.thoughts import Split, split_unknown
from rlaif.engines.unheeded import unheeded
from rlaif.engines.written_calls import read_calls
from rlaif.errors import ModelError
from rlaif.hashing import digest
from rlaif.records import GenerateRequest, Generation, Message, Score, ScoreRequest

REMEDIES = {
    each: "a file answers as it is written: leave it out"
    for each in ("chat_template_kwargs", "body", "max_thought_tokens", "assistant_prefix")
}
FLOOR = 1e-30
"""Probability of what a row's labels do not name: JSON has no minus infinity."""


class ScriptEngine:
    """Rows `{"contains": [...], "texts": [...], "labels": {...}}`, one JSON object a line; the first that fits answers.

    A row fits when every text of `contains` occurs in the conversation. Draw n gets text n, counted round;
    `labels` are probabilities of continuations, spelled exactly. A text is a string, or an object of `thought` and
    `text`; a string that begins with the marks of a thought is split, as that of a server without a reasoning parser.
    Calls of tools are read from a text as from a local model's.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        rows = list(read_rows(path, {}, {"contains": list, "texts": list, "labels": dict}))
        for number, row in enumerate(rows, 1):
            _check(path, number, row)
        self.rows = rows
        self.fingerprint = digest("script", rows)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """The text of the first row that fits and has texts."""
        for request in requests:
            texts = self._first("texts", request.messages)
            why = unheeded(request, self.name, REMEDIES)
            if texts is None or why:
                why = why or f"{self.name}: no row has a text for this"
                yield Generation(request_id=request.id, text="", finish="stop", error=why)
            else:
                found = _split(texts[request.draw % len(texts)])
                said, calls = read_calls(found.answer, request.tools) if request.tools else (found.answer, ())
                yield Generation(
                    request_id=request.id,
                    text=said,
                    finish="stop",
                    thought=found.thought,
                    open_thought=found.open,
                    tool_calls=calls,
                )

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """The labels of the first row that fits and has labels."""
        for request in requests:
            labels = self._first("labels", request.messages)
            texts = self._first("texts", request.messages) if request.thinking is not None else None
            error = unheeded(request, self.name, REMEDIES)
            if labels is None or error:
                error = error or f"{self.name}: no row has labels for this"
                yield Score(request_id=request.id, logprobs=(), error=error)
            else:
                probabilities = (max(labels.get(text, 0.0), FLOOR) for text in request.continuations)
                # a thought before a label is what the row writes as its thought, or all of its text
                wrote = _split(texts[0]) if texts else Split("", "")
                yield Score(
                    request_id=request.id,
                    logprobs=tuple(map(math.log, probabilities)),
                    thought=wrote.thought or wrote.answer,
                )

    def _first(self, key: str, messages: tuple[Message, ...]) -> Any:
        whole = "\n".join(each.content for each in messages)
        fitting = (
            row for row in self.rows if key in row and all(text in whole for text in row.get("contains", []))
        )
        return next((row[key] for row in fitting), None)


def _split(text: str | dict[str, str]) -> Split:
    return split_unknown(text) if isinstance(text, str) else Split(text.get("thought", ""), text["text"])


def _is_text(text: Any) -> bool:
    if isinstance(text, str):
        return True
    known = isinstance(text, dict) and "text" in text and text.keys() <= {"text", "thought"}
    return known and all(isinstance(each, str) for each in text.values())


def _check(path: Path, number: int, row: dict[str, Any]) -> None:
    if not ("texts" in row or "labels" in row) or row.get("texts") == []:
        raise ModelError(f"{path}: row {number} has neither `texts` nor `labels`: it answers nothing")
    contained = all(isinstance(text, str) for text in row.get("contains", []))
    if not (contained and all(map(_is_text, row.get("texts", [])))):
        raise ModelError(
            f"{path}: row {number}: `contains` and `texts` are lists of texts; one of `texts` may be an object with "
            "`text` and `thought`"
        )
    numbers = row.get("labels", {}).values()
    if (
        not all(isinstance(each, int | float) and 0 <= each <= 1 for each in numbers)
        or sum(numbers) > 1 + 1e-6
    ):
        raise ModelError(f"{path}: row {number}: `labels` are probabilities, at most 1 together")

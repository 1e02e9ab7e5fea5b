"""A model that repeats recorded calls: the same question gets the recorded answer, any other has failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rlaif.engines.scripted.rows import read_rows
from rlaif.engines.thoughts import split_unknown
from rlaif.engines.unheeded import unheeded
from rlaif.errors import ModelError
from rlaif.hashing import digest, digest_files
from rlaif.records import GenerateRequest, Generation, Message, Score, ScoreRequest

REMEDIES = {
    each: "the calls were recorded without: leave it out, or ask the model itself"
    for each in (
        "tools",
        "chat_template_kwargs",
        "body",
        "max_thought_tokens",
        "thinking",
        "assistant_prefix",
    )
}
_OPTIONAL = {"text": str, "finish": str, "draw": int, "assistant_prefix": str, "logprobs": dict}


class ReplayEngine:
    """Rows `{"messages": [...], "text": ..., "draw": 0}` or `{"messages": [...], "logprobs": {"yes": -0.1}}`.

    A text that begins with the marks of a thought is split, as that of a server without a reasoning parser.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._texts: dict[str, tuple[str, str]] = {}
        self._logprobs: dict[str, dict[str, float]] = {}
        for number, row in enumerate(read_rows(path, {"messages": list}, _OPTIONAL), 1):
            self._keep(f"{path}: row {number}", row)
        self.fingerprint = digest("replay", digest_files([path]))

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """The text recorded for these turns and this draw."""
        for request in requests:
            found = self._texts.get(_key(_turns(request.messages), request.draw))
            error = unheeded(request, self.name, REMEDIES)
            if found is None or error:
                error = error or (
                    f"{self.name}: no text is recorded for this conversation and draw {request.draw}"
                )
                yield Generation(request_id=request.id, text="", finish="stop", error=error)
            else:
                text, finish = found
                read = split_unknown(text)
                yield Generation(
                    request_id=request.id,
                    text=read.answer,
                    finish="length" if finish == "length" else "stop",
                    thought=read.thought,
                    open_thought=read.open,
                )

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """The log-probabilities recorded for these turns; one that is missing fails the call."""
        for request in requests:
            known = self._logprobs.get(_key(_turns(request.messages), request.assistant_prefix), {})
            missing = [text for text in request.continuations if text not in known]
            error = unheeded(request, self.name, REMEDIES)
            if missing or error:
                error = error or (
                    f"{self.name}: no log-probability is recorded for {missing[0]!r} after this conversation"
                )
                yield Score(request_id=request.id, logprobs=(), error=error)
            else:
                yield Score(
                    request_id=request.id, logprobs=tuple(known[text] for text in request.continuations)
                )

    def _keep(self, where: str, row: dict[str, Any]) -> None:
        turns = row["messages"]
        whole = (isinstance(each, dict) and {"role", "content"} == each.keys() for each in turns)
        if not all(whole) or not all(isinstance(text, str) for each in turns for text in each.values()):
            raise ModelError(f"{where}: `messages` are objects with `role` and `content`, which are texts")
        if ("text" in row) == ("logprobs" in row):
            raise ModelError(f"{where}: a recorded call has either `text` or `logprobs`")
        pairs = [(each["role"], each["content"]) for each in turns]
        if "text" in row:
            self._texts[_key(pairs, row.get("draw", 0))] = (row["text"], row.get("finish", "stop"))
        elif all(isinstance(each, int | float) and each <= 0 for each in row["logprobs"].values()):
            self._logprobs[_key(pairs, row.get("assistant_prefix", ""))] = row["logprobs"]
        else:
            raise ModelError(f"{where}: `logprobs` are numbers, at most 0")


def _turns(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in messages]


def _key(turns: Sequence[tuple[str, str]], what: int | str) -> str:
    return digest("call", turns, what)

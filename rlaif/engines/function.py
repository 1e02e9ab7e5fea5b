"""A plain Python function as an engine: `(messages, sampling) -> text`, one call after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rlaif.engines.base import BaseEngine
from rlaif.engines.kinds import EngineOptions, ModelKind
from rlaif.engines.thoughts import split_unknown
from rlaif.engines.unheeded import unheeded
from rlaif.errors import RlaifError
from rlaif.hashing import source_fingerprint
from rlaif.records import Engine, GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest

TextFunction = Callable[[Sequence[Message], Sampling], str]
"""The conversation up to the assistant's next turn and how to draw it, to the text of that turn."""
REMEDIES = {
    each: "a function is told the conversation and how to draw: leave it out, or write an engine"
    for each in ("tools", "chat_template_kwargs", "body", "assistant_prefix")
}
NO_LOGPROBS = (
    "a function gives no log-probabilities; use a protocol that reads text (--protocol compare-cot), or write an "
    "engine with `score`"
)


class FunctionEngine(BaseEngine):
    """A function behind the two verbs. It writes texts; a score is refused, call by call.

    A text that begins with the marks of a thought is split, as that of a server without a reasoning parser is.

    What the function raises is the failure of that call: it is counted, shown, and asked again on resume.
    """

    guides_decoding = False

    def __init__(self, name: str, function: TextFunction, *, fingerprint: str) -> None:
        """`fingerprint` as `rlaif.hashing.source_fingerprint` gives it."""
        self.name = name
        self.fingerprint = fingerprint
        self._function = function

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """One text a request, in order. Draws differ only as far as the function itself draws at random."""
        for request in requests:
            text, error = self._called(request)
            found = split_unknown(text)
            yield Generation(
                request_id=request.id,
                text=found.answer,
                finish="stop",
                error=error,
                thought=found.thought,
                open_thought=found.open,
            )

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """A failed score a request: a text says nothing of how probable it was."""
        for request in requests:
            yield Score(request_id=request.id, logprobs=(), error=NO_LOGPROBS)

    def _called(self, request: GenerateRequest) -> tuple[str, str | None]:
        if (why := unheeded(request, self.name, REMEDIES)) is not None:
            return "", why
        try:
            text = self._function(request.messages, request.sampling)
        except RlaifError:
            raise
        except Exception as problem:  # noqa: BLE001 - whatever the user's code raises is the failure of this call
            return "", f"{self.name}: {type(problem).__name__}: {problem}"
        if not isinstance(text, str):
            return "", f"{self.name}: returned {type(text).__name__} and no text"
        return text, None


def function_kind(
    name: str, function: TextFunction, *, version: str | None = None, help: str | None = None
) -> ModelKind:
    """The model kind whose only model is a function: `NAME:` names it wherever a model is named.

    A judge of this kind writes its verdicts. Raises InputError where the function's fingerprint is neither declared
    (`version`) nor to be read off its source.
    """
    fingerprint = source_fingerprint(function, version)

    def opened(full: str, rest: str, options: EngineOptions) -> Engine:
        return FunctionEngine(full, function, fingerprint=fingerprint)

    return ModelKind(
        name=name,
        help=help or (function.__doc__ or "a Python function").strip().splitlines()[0],
        open=opened,
        bare=True,
        guides_decoding=False,
        writes_verdicts=lambda full, rest, wanted: True,
        fingerprint=lambda rest, options: fingerprint,
        elsewhere=False,
    )

"""The two shapes that a way of asking can have, and what both are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rlaif.errors import InputError
from rlaif.judging.model_judge import AGAIN, ModelJudge
from rlaif.judging.protocol import Judge, One, Two
from rlaif.records import Judgment, Principle


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What whoever asks can choose."""

    seed: int = 0
    samples: int = 1
    """Texts a question, for a protocol that reads what the judge writes."""
    again: int = AGAIN
    """How often at most an unreadable text is asked for once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointwise:
    """Gives each completion a number of its own: judgments of one completion, in state SCORE where readable."""

    name: str
    says: str
    """One line for people."""
    ask: Callable[[Judge, Sequence[One], Sequence[Principle], Asking], list[Judgment]]
    judges: tuple[type, ...] = ()
    """Whom it can ask; empty: anybody."""
    templates: tuple[str, ...] = ()
    writes: bool = False
    """Whether the judge writes texts that may be unreadable, and are then asked for again."""
    votes: bool = False
    """Whether several texts to one question are several votes."""
    structured: bool = False
    """Whether a JSON Schema of the reply goes with each question."""
    absolute: bool = True
    """Whether below one half means that the principle is violated: only then it can judge hard principles."""
    reads_text: bool = False
    """Whether only written texts are read, so that a judge without log-probabilities can be asked."""
    decides: bool = True
    """Whether two numbers say which is better; of a tournament they do not where the two never met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairwise:
    """Says which of two completions is better, in both orders: two judgments an item and principle."""

    name: str
    says: str
    ask: Callable[[Judge, Sequence[Two], Sequence[Principle], Asking], list[Judgment]]
    judges: tuple[type, ...] = ()
    templates: tuple[str, ...] = ()
    writes: bool = False
    votes: bool = False
    structured: bool = False
    reads_text: bool = False


Judged = TypeVar("Judged", bound=Judge)


def needed(judge: Judge, kind: type[Judged], protocol: str) -> Judged:
    """The judge as what a protocol needs. Raises InputError for any other judge."""
    if not isinstance(judge, kind):
        raise InputError(f"{judge.name}: {refusal(protocol, (kind,))}")
    return judge


def model(judge: Judge, protocol: str) -> ModelJudge:
    """The judge as the model that a protocol needs. Raises InputError for any other judge."""
    return needed(judge, ModelJudge, protocol)


def refusal(protocol: str, judges: Sequence[type]) -> str:
    """Why a protocol does not ask a judge, and whom it does ask."""
    whom = " or ".join(_SAID.get(each.__name__, each.__name__) for each in judges)
    return f"cannot be asked by protocol {protocol!r}, which needs {whom}; compare and checklist ask anybody"


def unguided_engine(judge: Judge, chosen: Pointwise | Pairwise) -> str:
    """What to know where a schema goes to an engine that cannot guide its decoding by it; empty elsewhere."""
    if not chosen.structured or not isinstance(judge, ModelJudge):
        return ""
    if getattr(judge.engine, "guides_decoding", True):
        return ""
    return (
        f"{judge.name}: this engine cannot guide its decoding by a JSON Schema; each reply of {chosen.name} is "
        "checked by it, and one that does not fit is unreadable"
    )


_SAID = {
    "ModelJudge": "a model that reads and writes",
    "RewardJudge": "a reward model (reward:DIR)",
    "RuleJudge": "fitted rules (rbr:FILE)",
    "VerifierJudge": "a file of programs (rules:FILE)",
    "PanelJudge": "a file of judges (panel:FILE)",
}

"""The two shapes of a protocol, pointwise and pairwise, and what a protocol is told when it asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rlaif.engines.base import capabilities_of
from rlaif.errors import InputError, TemplateError
from rlaif.field_docs import documented
from rlaif.judging.ask import Writing
from rlaif.judging.cot import SPREAD_TEMPERATURE
from rlaif.judging.labels import CallReading
from rlaif.judging.model_judge import AGAIN, ModelJudge
from rlaif.judging.options import USUAL, JudgeOptions
from rlaif.judging.protocol import Judge, One, Two
from rlaif.judging.scales import SHARE, Scale
from rlaif.records import Judgment, Principle
from rlaif.templates import load_template

ANSWER_A = "\nAnswer: A"


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What whoever asks can choose."""

    seed: int = 0
    """Of everything that is drawn."""
    samples: int = 1
    """Texts a question, for a protocol that reads what the judge writes."""
    again: int = AGAIN
    """How often at most an unreadable text is asked for once more."""

    def writing(
        self,
        schema: Mapping[str, Any] | None = None,
        *,
        options: JudgeOptions = USUAL,
        max_tokens: int | None = None,
    ) -> Writing:
        """How a judge of these options writes: one text a question is the likeliest one, several are drawn.

        `max_tokens` None is the length of a reasoned verdict.
        """
        return Writing(
            sampling=options.writing(
                options.lengths.verdict if max_tokens is None else max_tokens,
                0.0 if self.samples == 1 else SPREAD_TEMPERATURE,
            ),
            seed=self.seed,
            samples=self.samples,
            again=self.again,
            schema=schema,
            chat_template_kwargs=options.chat_template_kwargs,
            body=options.body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What both shapes say of themselves."""

    name: str
    """What `--protocol` and `judge:` of a recipe name, and what its judgments say as their protocol."""
    says: str
    """One line for people."""
    version: str | None = None
    """Of a protocol from outside: what its function is, another one whenever it asks otherwise; None: its source says
    so."""
    judges: tuple[type, ...] = ()
    """Classes of the judges that it can ask; empty: any judge."""
    templates: tuple[str, ...] = ()
    """Names of the templates that it asks with; their digests go into the provenance of pairs."""
    labels: tuple[str, ...] = ()
    """Those of `templates` whose answer is read from probabilities of labels. A judge that is to think before a label
    and marks no thoughts of its own is asked by `NAME-cot` in their place, which asks for its reasoning first."""
    templates_from: Path | None = None
    """Folder of templates of its own, `NAME.txt` each: they go before the shipped ones of the same name."""
    writes: bool = False
    """Whether the judge writes texts that may be unreadable, and are then asked for again."""
    votes: bool = False
    """Whether several texts to one question are several votes."""
    structured: bool = False
    """Whether a JSON Schema of the reply goes with each question."""
    reads_text: bool = False
    """Whether only written texts are read, so that a judge without log-probabilities can be asked."""
    reads: Callable[[str], CallReading] | None = None
    """Reads one written reply by itself, so that a judge can learn from its own; None: no reply says all of it."""
    sample_reply: str = ANSWER_A
    """What a dry run takes for the end of a written reply: readable, so that no question is asked again."""
    in_writing: str = ""
    """Name of the protocol that asks the same of a judge without log-probabilities; empty: there is none."""
    stand_in: Callable[[Judge, int], Judge | None] | None = None
    """What `judge check --all` asks where this protocol does not ask the judge itself (judge, seed); None: nobody."""
    measured_on: tuple[str, str] | None = None
    """Tag of the prompts and id of the principle that `judge check --all` measures it on; None: all of them."""


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Pointwise(_Shape):
    """Gives each completion a number of its own: judgments of one completion, in state SCORE where readable."""

    ask: Callable[[Judge, Sequence[One], Sequence[Principle], Asking], list[Judgment]]
    """From the judge, (prompt, completion) items, principles and what whoever asks can choose: a judgment for each
    completion and principle that applies, one that failed in a state without a number."""
    scale: Scale = SHARE
    """What a number means: its lowest and highest, and from where on the principle is violated."""
    by_rubrics: bool = False
    """Whether a recipe's judge step takes the rubrics of prompts for it: their criteria are its principles."""
    decides: bool = True
    """Whether two numbers say which is better; of a tournament they do not where the two never met."""

    @property
    def absolute(self) -> bool:
        """Whether a number says that a principle is violated: only then it can judge hard principles."""
        return self.scale.broken_below is not None


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Pairwise(_Shape):
    """Says which of two completions is better, in both orders: two judgments an item and principle."""

    ask: Callable[[Judge, Sequence[Two], Sequence[Principle], Asking], list[Judgment]]
    """From the judge, (prompt, one, other) items, principles and what whoever asks can choose: a judgment for either
    order of the two and each principle that applies, one that failed in a state without a number."""
    rationale: Callable[[str], tuple[str, bool] | None] | None = None
    """Reads the reasoning of a reply, and whether its verdict names the first; None: replies hold no reasoning."""


def check_templates(chosen: Pointwise | Pairwise) -> None:
    """Raise InputError where a template that a protocol names is neither in its folder nor shipped."""
    for name in chosen.templates:
        try:
            load_template(name, chosen.templates_from)
        except TemplateError as wrong:
            folder = chosen.templates_from
            where = "it names no folder of its own" if folder is None else f"{folder} has no {name}.txt"
            raise InputError(f"protocol {chosen.name!r}: {wrong}; {where} (`templates_from`)") from None


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
    whom = " or ".join(str(getattr(each, "described", each.__name__)) for each in judges)
    return f"cannot be asked by protocol {protocol!r}, which needs {whom}; compare and checklist ask anybody"


def unguided_engine(judge: Judge, chosen: Pointwise | Pairwise) -> str:
    """What to know where a schema goes to an engine that cannot guide its decoding by it; empty elsewhere."""
    if not chosen.structured or not isinstance(judge, ModelJudge):
        return ""
    if capabilities_of(judge.engine).guides_decoding:
        return ""
    return (
        f"{judge.name}: this engine cannot guide its decoding by a JSON Schema; each reply of {chosen.name} is "
        "checked by it, and one that does not fit is unreadable"
    )

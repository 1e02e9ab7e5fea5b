"""Judges that are another judge with faults dealt to its answers: whom the fault meets is drawn from ids alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

from rlaif.errors import InputError
from rlaif.hashing import derived_seed, digest
from rlaif.judging.kinds import JudgeContext, JudgeKind, rest_of
from rlaif.judging.protocol import Judge, One, Two, reads_principles
from rlaif.records import Judgment, Principle, State

READ = (State.PREFERENCE, State.SCORE)
SEED_RANGE = 2**63


@dataclass(slots=True)
class DealtCount:
    """How many answers were dealt a fault, and how many of them say something else than the inner judge then."""

    answers: int = 0
    """Those that the inner judge gave a number."""
    dealt: int = 0
    """Those of them that the fault met."""
    wrong: int = 0
    """Those of them that now name the other side, or the other half of the scale."""
    lost: int = 0
    """Those of them that cannot be read any more."""

    @property
    def label_error(self) -> float:
        """Of what can be read: the share that says something else than the inner judge."""
        read = self.answers - self.lost
        return self.wrong / read if read else 0.0


class DealtJudge(ABC):
    """Asks the inner judge, and deals a fault to a share of what it says.

    Of a comparison the fault meets both orders and all principles of a pair, of a checklist one answer. Whom it meets
    derives from the ids of completions, principle and the kind of fault, so that asking again changes nothing.
    """

    described: ClassVar[str] = "a judge with faults dealt to it (noisy:SHARE:JUDGE)"
    kind: ClassVar[str]

    def __init__(self, name: str, share: float, inner: Judge) -> None:
        self.name, self.share, self.inner = name, share, inner
        self.fingerprint = dealt_fingerprint(self.kind, share, inner.fingerprint)
        self.count = DealtCount()

    def of(self, inner: Judge) -> Self:
        """The same faults dealt to another judge."""
        return type(self)(self.name, self.share, inner)

    @property
    def dealt(self) -> dict[str, Any]:
        """What was dealt so far, for run.json and `--json`, with a `line` for people."""
        count = self.count
        line = (
            f"{self.name}: of {count.answers:,} answers {count.dealt:,} were dealt a fault, {count.lost:,} are lost; "
            f"label error {count.label_error:.3f} against {self.inner.name}"
        )
        return {**asdict(count), "label_error": count.label_error, "line": line}

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The inner judge's checklist, the fault dealt answer by answer."""
        texts = {completion.id: completion.text for _, completion in items}
        return [self._dealt(each, texts) for each in self.inner.checklist(items, principles)]

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """The inner judge's comparisons, the fault dealt pair by pair."""
        texts = {completion.id: completion.text for _, *both in items for completion in both}
        return [self._dealt(each, texts) for each in self.inner.compare(items, principles)]

    @abstractmethod
    def faulty(self, judgment: Judgment, texts: Sequence[str]) -> Judgment:
        """What becomes of a judgment with a number that the fault meets.

        Args:
            judgment: What the inner judge says.
            texts: The answers that it is about, in the order in which they were shown.
        """

    def _dealt(self, judgment: Judgment, texts: Mapping[str, str]) -> Judgment:
        judgment = replace(judgment, judge=self.fingerprint)
        if judgment.state not in READ or judgment.value is None:
            return judgment  # what is not read stays unread, whomever the fault meets
        self.count.answers += 1
        if not self._meets(judgment):
            return judgment
        found = self.faulty(judgment, [texts[each] for each in judgment.completion_ids])
        self.count.dealt += 1
        self.count.lost += found.value is None
        self.count.wrong += found.value is not None and _sides_differ(judgment.value, found.value)
        return found

    def _meets(self, judgment: Judgment) -> bool:
        ids = sorted(judgment.completion_ids)
        # of a pair the order shown and the principle change nothing: its label as a whole is right or wrong
        about = ids if len(ids) > 1 else [*ids, judgment.principle_id or ""]
        return derived_seed("dealt judge", self.kind, *about) / SEED_RANGE < self.share


def _sides_differ(before: float, after: float) -> bool:
    return (before - 0.5) * (after - 0.5) < 0


def dealt_fingerprint(kind: str, share: float, inner: str) -> str:
    """What such a judge is: another one than the inner judge, for provenance and keys."""
    return digest("judge", kind, share, inner)


def split_dealt(name: str) -> tuple[float, str]:
    """The share and the inner judge of a name. Raises InputError for another form."""
    kind, _, _ = name.partition(":")
    said, colon, inner = rest_of(name).partition(":")
    try:
        share = float(said)
    except ValueError:
        share = -1.0
    if not colon or not inner or not 0 <= share <= 1:
        raise InputError(
            f"{name}: is not {kind}:SHARE:JUDGE with a share from 0 to 1; write e.g. {kind}:0.2:micro"
        )
    return share, inner


def dealt_kind(made: type[DealtJudge], help: str) -> JudgeKind:
    """The kind of judges that deal one fault."""

    def opened(name: str, context: JudgeContext) -> Judge:
        share, inner = split_dealt(name)
        asked = context.judge(inner)
        if not reads_principles(asked):
            raise InputError(
                f"{name}: {inner} gives rewards, which have no opposite; name a judge that reads principles"
            )
        return made(name, share, asked)

    return JudgeKind(
        name=made.kind,
        help=help,
        open=opened,
        makes=made,
        bare=False,
        prepare=lambda name, context: context.open(split_dealt(name)[1]),
        fingerprint=lambda name, context: dealt_fingerprint(
            made.kind, split_dealt(name)[0], context.fingerprint(split_dealt(name)[1])
        ),
        judges=lambda name: [split_dealt(name)[1]],
        told=True,
    )

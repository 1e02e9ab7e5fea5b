"""Kinds of judges by the word before the colon in their names: `gold:`, `panel:FILE`, `mine:anything`.

A kind is a `JudgeKind` in the file of its judge; no list names it. One of another package comes through the entry-point
group `rlaif.judges`, one made in Python through `JUDGES.add`. Every other name is that of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlaif.engines.kinds import judges_in_writing
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge
from rlaif.records import Engine, Gold
from rlaif.registry import Registry


class JudgeContext(Protocol):
    """What a kind may ask for while it opens a judge."""

    @property
    def seed(self) -> int:
        """The seed of the command."""

    @property
    def in_writing(self) -> bool:
        """Whether judges behind servers are to write their verdicts."""

    @property
    def dry_run(self) -> bool:
        """Whether calls are only counted: nothing may be asked of anybody."""

    @property
    def gold(self) -> Gold:
        """The truth that each prompt's row names."""

    def open(self, *names: str) -> None:
        """Open what these names name, so that a wrong one is found before anything is written."""

    def engine(self, name: str) -> Engine:
        """The model of this name, its calls kept in the store."""

    def judge(self, name: str, *, in_writing: bool = False) -> Judge:
        """The judge of this name; `in_writing` has it write its verdicts whatever the command says."""

    def fingerprint(self, name: str) -> str:
        """What the judge or model of this name is: equal means interchangeable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeKind:
    """One kind of judge, with everything that is particular to it."""

    name: str
    """What stands before the colon: `panel` of `panel:three.yaml`."""
    help: str
    """One line for people."""
    open: Callable[[str, JudgeContext], Judge]
    """The judge of a whole name, as the user gave it."""
    makes: type[Any] = object
    """The class of its judges, by which a protocol tells whom it can ask."""
    bare: bool = True
    """Whether the word alone, without a colon, is a judge too."""
    control: bool = False
    """Whether it is no judge of sentences but the floor or upper bound of an experiment: it is put to no tests."""
    model: bool = False
    """Whether the name is that of one model, which is opened and fingerprinted as such."""
    prepare: Callable[[str, JudgeContext], None] | None = None
    """Reads what the name names, before anything is written; None: there is nothing to read."""
    fingerprint: Callable[[str, JudgeContext], str] | None = None
    """What the judge is, before a store is open; None: as the opened judge says, or its model."""
    judges: Callable[[str], Sequence[str]] | None = None
    """Names of the judges that read the principles for it; None: it reads them itself, or reads none."""

    models: Callable[[str], Sequence[str]] | None = None
    """Names of models that it asks beside those judges: a reward model below fitted rules."""

    def has(self, name: str) -> bool:
        """Whether a judge's name is of this kind."""
        return name.startswith(f"{self.name}:") or (self.bare and name == self.name)


def rest_of(name: str) -> str:
    """What follows the colon of a judge's name: its file, its seed."""
    return name.partition(":")[2]


def _open_model(name: str, context: JudgeContext) -> Judge:
    return ModelJudge(context.engine(name), in_writing=judges_in_writing(name, context.in_writing))


MODEL = JudgeKind(
    name="model",
    help="a language model that is asked in words: any model's name",
    open=_open_model,
    makes=ModelJudge,
    model=True,
)
JUDGES: Registry[JudgeKind] = Registry(
    "judge", "rlaif.judges", (JudgeKind,), package="rlaif.judging", attribute="JUDGE_KIND"
)


def judge_kind(name: str) -> JudgeKind:
    """The kind of judge that a name makes: one that is registered under it, or under what stands before its colon.

    Any other name is a model's. Raises InputError where a package's kind cannot be loaded.
    """
    known = JUDGES.names()
    for each in (name, name.partition(":")[0]):
        if each in known and (found := JUDGES.get(each)).has(name):
            return found
    return MODEL

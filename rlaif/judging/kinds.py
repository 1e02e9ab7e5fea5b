"""Kinds of judges by the word before the colon in their names: `gold:`, `panel:FILE`, `mine:anything`.

A kind is a `JudgeKind` in the file of its judge; no list names it. One of another package comes through the entry-point
group `rlaif.judges`, one made in Python through `JUDGES.add`. Every other name is that of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, Protocol

from rlaif.errors import InputError
from rlaif.field_docs import documented
from rlaif.hashing import derived_seed
from rlaif.judging.function_judge import FunctionReward
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.options import JudgeOptions
from rlaif.judging.protocol import Judge
from rlaif.judging.rewards import REWARDS, NamedReward, NamedRewardJudge
from rlaif.records import Completion, Engine, Gold, Prompt
from rlaif.registry import Registry


class JudgeContext(Protocol):
    """What a kind may ask for while it opens a judge."""

    @property
    def seed(self) -> int:
        """Seed of the command, for judges that draw."""

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

    def writes_verdicts(self, name: str) -> bool:
        """Whether the model of this name, as a judge, writes its verdicts instead of telling log-probabilities."""

    def judge_options(self, name: str) -> JudgeOptions:
        """How the model of this name judges: what it sees, whether it thinks first, how long it may write."""

    def judge(self, name: str, *, in_writing: bool = False) -> Judge:
        """The judge of this name; `in_writing` has it write its verdicts whatever the command says."""

    def fingerprint(self, name: str) -> str:
        """What the judge or model of this name is: equal means interchangeable."""


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeKind:
    """One kind of judge, with everything that is particular to it."""

    name: str
    """What stands before the colon: `panel` of `panel:three.yaml`; or a whole name."""
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
    fingerprint_from: str = ""
    """Of a function: the version that is declared or the digest of its source, for the provenance; else empty."""
    made_of: Any = None
    """Of what was passed or registered in Python: the function or object itself."""
    judges: Callable[[str], Sequence[str]] | None = None
    """Names of the judges that read the principles for it; None: it reads them itself, or reads none."""

    models: Callable[[str], Sequence[str]] | None = None
    """Names of models that it asks beside those judges: a reward model below fitted rules."""
    told: bool = False
    """Whether its judges, or the models that they ask, are told `JudgeOptions`; of any other kind they are refused."""

    def has(self, name: str) -> bool:
        """Whether a judge's name is of this kind."""
        return name.startswith(f"{self.name}:") or (self.bare and name == self.name)


def rest_of(name: str) -> str:
    """What follows the colon of a judge's name: its file, its seed."""
    return name.partition(":")[2]


def named_in(name: str) -> str:
    """The file that a judge's name names. Raises InputError where nothing follows the colon."""
    if not rest_of(name):
        raise InputError(f"{name!r}: what follows {name.partition(':')[0]}: is missing; name its file")
    return rest_of(name)


def _open_model(name: str, context: JudgeContext) -> Judge:
    return ModelJudge(
        context.engine(name), in_writing=context.writes_verdicts(name), options=context.judge_options(name)
    )


MODEL = JudgeKind(
    name="model",
    help="a language model that is asked in words: any model's name",
    open=_open_model,
    makes=ModelJudge,
    model=True,
    told=True,
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
    return reward_kind(REWARDS.get(name), name=name) if name in REWARDS.names() else MODEL


def refuse_options(name: str, context: JudgeContext) -> None:
    """Raise InputError where options are set of a judge that reads none of them, or reads no labels to think before."""
    options = context.judge_options(name)
    if options.set_ones and not judge_kind(name).told:
        named = ", ".join(options.set_ones)
        raise InputError(f"{name}: is no model that is asked in words, and reads no {named}; leave that out")
    if options.think and context.writes_verdicts(name):
        raise InputError(
            f"{name}: writes its verdicts, behind its reasoning; to think before a label is for protocols that read "
            "labels (compare, checklist, score): leave `think` out, or name another protocol"
        )


def stated_of(name: str) -> dict[str, str]:
    """Of a judge that is a function: whether its fingerprint is a declared version or its source; of others nothing."""
    stated = judge_kind(name).fingerprint_from
    return {"fingerprint_from": stated} if stated else {}


def reward_kind(reward: NamedReward, *, name: str, made_of: Any = None) -> JudgeKind:
    """Return the judge kind `name` that prefers the completion of the higher reward."""

    def opened(_: str, context: JudgeContext) -> Judge:
        if context.dry_run:
            reward_to_come = FunctionReward(reward.name, _made_up, fingerprint=reward.fingerprint)
            return NamedRewardJudge(reward_to_come)
        return NamedRewardJudge(reward)

    return JudgeKind(
        name=name,
        help=(getdoc(reward) or "a reward").splitlines()[0],
        open=opened,
        makes=NamedRewardJudge,
        fingerprint_from=reward.fingerprint,
        made_of=reward if made_of is None else made_of,
    )


def _made_up(_: Prompt, completion: Completion) -> float:
    """What a dry run takes for a reward: nobody is asked."""
    return derived_seed("plan", completion.id) / 2**63

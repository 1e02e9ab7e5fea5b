"""What an audit reads: a run as columns that are joined by id, never by the order of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rlaif.records import State

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

STATES = tuple(State)
"""A column of states holds places in this tuple."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompts:
    """The prompts of a run; a prompt is a cluster of every interval."""

    ids: Sequence[str]
    texts: Sequence[str]
    tags: Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texts:
    """Completions, in the order of their file. Equal ones to one prompt are one completion."""

    ids: Sequence[str]
    texts: Sequence[str]
    """The answers: of several turns the contents of all that are the assistant's. Thoughts are apart."""
    prompt: Ints
    """(completions,) places in `Prompts`."""
    policy: Ints
    """(completions,) places in `Evidence.policies`."""
    truncated: Bools
    thoughts: Sequence[str] = ()
    """The thoughts before them; empty where no completion of the run has one."""
    open_thoughts: Sequence[bool] = ()
    """Whether a thought never ended, so that there is no answer; empty as `thoughts`."""
    calls_alone: Sequence[bool] = ()
    """Whether a completion calls tools and says nothing; empty where none calls a tool."""

    @property
    def answered(self) -> Bools:
        """(completions,) whether there is an answer whose text says something: figures over texts leave others out."""
        import numpy as np

        found = np.ones(len(self.ids), dtype=bool)
        for without in (self.open_thoughts, self.calls_alone):
            if len(without):
                found &= ~np.asarray(without, dtype=bool)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointwiseJudgments:
    """Pointwise judgments, a row each."""

    completion: Ints
    principle: Ints
    state: Ints
    value: Floats
    """P(yes) or a rating as a share of its range; NaN where the state carries none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairwiseJudgments:
    """Pairwise judgments, a row each, with the completions in the order in which the judge saw them."""

    first: Ints
    second: Ints
    principle: Ints
    state: Ints
    value: Floats
    """P(the first shown is better); NaN where the state carries none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairLabels:
    """The pairs that were made."""

    ids: Sequence[str]
    chosen: Ints
    rejected: Ints
    probability: Floats
    """`label_prob`."""
    chosen_score: Floats
    rejected_score: Floats
    """NaN where there is none."""
    decided: Floats
    """P(chosen is better) as the recorded judgments and the decision rule give it again; NaN where unknown."""
    round: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vote:
    """What a person said of a pair: whether the chosen side is the better one."""

    pair: int
    agrees: bool
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rationale:
    """Prose in front of a verdict, and whether the verdict names the first shown."""

    prompt: int
    text: str
    first: bool
    about: str = ""
    """The principle's text, where the question was about one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgeThought:
    """What a judge thought before a label of two completions, and which of them the label names."""

    shown: tuple[int, int]
    """Places in `Texts`, in the order in which the judge saw them."""
    text: str
    probability: float
    """P(the first shown is better), as labelled behind this thought."""
    principle: str = ""
    """Its id, where the question was about one."""
    about: str = ""
    """Its text."""
    call: str = ""
    """Key of the call in the store."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """All of a run that an audit reads. What a run does not have is empty, and its figures are absent."""

    prompts: Prompts
    texts: Texts
    pointwise: PointwiseJudgments
    pairwise: PairwiseJudgments
    labels: PairLabels
    principles: Sequence[str]
    """Ids; the columns of principles hold places in it."""
    principle_texts: Sequence[str]
    weights: Floats
    policies: Sequence[str]
    own: Bools
    """(policies,) whether the judge shares weights or family with this policy."""
    funnel: Mapping[str, int] = field(default_factory=dict)
    votes: Sequence[Vote] = ()
    rationales: Sequence[Rationale] = ()
    judge_thoughts: Sequence[JudgeThought] = ()
    repeats: Sequence[tuple[int, float, float]] = ()
    """The same question put twice: its prompt, and P(first) both times."""
    training_prompts: Sequence[str] = ()
    evaluation_prompts: Sequence[str] = ()
    gold: Floats | None = None
    """(completions,) share of applicable principles that gold says are met; NaN where it cannot tell."""

"""What a gold set is past the door: pairs, choices or labels, with the verdicts that came beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rlaif.records import Completion, Message, Prompt, State, completion_of

Scoring = Literal["pairs", "judgebench", "rewardbench", "rewardbench-2", "labels"]
"""How a set counts its own score; `pairs` is the plain mean over both orders."""

BETTER = "The response is the better answer to the prompt: it does what is asked, and is right, clear and harmless."


class RecordedVerdict(NamedTuple):
    """What a judge said of a pair in one order; `p` is P(the item's first text is better) in either order."""

    state: State
    p: float | None = None


LOST = RecordedVerdict(State.UNREADABLE)


class Orders(NamedTuple):
    """Both orders of one pair; `swapped` is None where only one was judged."""

    forward: RecordedVerdict
    swapped: RecordedVerdict | None

    @property
    def judged(self) -> tuple[RecordedVerdict, ...]:
        """The verdicts that there are."""
        return (self.forward,) if self.swapped is None else (self.forward, self.swapped)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldPair:
    """Two answers of which it is known which is better."""

    id: str
    prompt: Prompt
    texts: tuple[str, str]
    first_better: float
    """P(first is better): 1 or 0, or the share of votes where people voted."""
    category: str = ""
    recorded: Orders | None = None
    """The verdicts of a judge that the file brings along."""
    sides: tuple[tuple[Message, ...], tuple[Message, ...]] | None = None
    """The turns of the two answers, the last of which are `texts`; None: they are plain texts."""

    @property
    def completions(self) -> tuple[Completion, Completion]:
        """The two as records."""
        if self.sides is not None:
            one, other = (completion_of(self.prompt.id, side, policy="given") for side in self.sides)
        else:
            one, other = (_given(self.prompt, text) for text in self.texts)
        return one, other


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldChoice:
    """Several answers, the first `right` of which are right."""

    id: str
    prompt: Prompt
    texts: tuple[str, ...]
    right: int
    category: str = ""

    @property
    def completions(self) -> tuple[Completion, ...]:
        """All as records."""
        return tuple(_given(self.prompt, text) for text in self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldLabel:
    """One answer and the label that people gave it."""

    id: str
    prompt: Prompt | None
    """None where the file holds labels only."""
    text: str | None
    label: str
    category: str = ""
    group: str = ""
    """What kind of prompt it is: within one, a judge has only the answer to go by."""
    recorded: Mapping[str, str] = field(default_factory=dict)
    """What each judge of the file wrote, as it stands."""
    item: str = ""
    """The prompt by the file's own name, where the file does not hold it."""

    @property
    def about(self) -> str:
        """The prompt that it is about: labels of one prompt are not independent of each other."""
        return self.prompt.id if self.prompt is not None else self.item or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What one annotator said of the outputs of two models, as a record of head-to-head comparisons holds it."""

    annotator: str
    models: tuple[str, str]
    prompt_id: str
    texts: tuple[str, str]
    second_better: float | None
    """P(second is better), one half for a draw; None where the annotation failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldSet:
    """A file of gold, as it was read."""

    name: str
    scoring: Scoring
    pairs: tuple[GoldPair, ...] = ()
    choices: tuple[GoldChoice, ...] = ()
    labels: tuple[GoldLabel, ...] = ()
    statements: Mapping[str, str] = field(default_factory=dict)
    """For labels: what a judge is asked of an answer, one statement a label."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Rows that are no gold, by reason."""
    question: str = BETTER
    """For pairs and choices: what a judge is asked of an answer where no constitution is named."""
    one_statement: bool = False
    """For labels: whether a label says if the statement of its category is true, not which statement is."""
    by_model: bool = False
    """For labels: whether the categories are the models that answered."""
    annotations: tuple[Annotation, ...] = ()
    """Of a set whose labels are what its annotators said: all of that. Nothing in it says who of them is right."""

    labelled_by: frozenset[str] = frozenset()
    """Fingerprints of the judges that gave the labels, where the file says so."""

    def __len__(self) -> int:
        return len(self.pairs) + len(self.choices) + len(self.labels)


def _given(prompt: Prompt, text: str) -> Completion:
    return Completion(prompt_id=prompt.id, text=text, policy="given", finish="given")

"""Checklist judgments to one score a completion. What could not be read is left out and counted, never a zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlaif.comparable import levels
from rlaif.judging.rubrics import broken
from rlaif.judging.rules import AS_A_WHOLE, asked, breaks, number_of, principle_of
from rlaif.records import Completion, Constitution, Judgment, Principle, Prompt, State

MIN_READ = 0.5
"""Below this share of readable principles a completion has no score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCompletion:
    """A completion with what its judge thinks of it."""

    completion: Completion
    score: float | None
    """In the judge's units: a reward, or the weighted mean of P(yes), or of ratings as shares of their scale, over the
    principles that apply. Where some could not be read, what the mean would be by those that were read of this
    completion and of its rivals (see `comparable.levels`), so that two scores of a prompt are over the same. None if
    too few were read, or nothing was read that was read of the others too."""
    violated: tuple[str, ...] = ()
    """Ids of hard principles, and of hard criteria of its prompt's rubric, that it violates."""
    states: Mapping[State, int] = field(default_factory=dict)
    """How its judgments were read."""

    @property
    def rank_key(self) -> tuple[int, float]:
        """What orders completions: any violation of a hard principle outweighs every score."""
        return (-len(self.violated), 0.0 if self.score is None else self.score)


def score_completions(
    prompt: Prompt,
    completions: Sequence[Completion],
    judgments: Sequence[Judgment],
    constitution: Constitution,
) -> list[ScoredCompletion]:
    """One `ScoredCompletion` a completion, in the given order. `judgments` may hold those of other prompts too.

    All completions of the prompt that were judged are rivals, whether or not they are among `completions`.
    """
    own = [each for each in judgments if len(each.completion_ids) == 1 and each.prompt_id == prompt.id]
    said = {(each.completion_ids[0], principle_of(each)): each for each in own}
    principles = asked(constitution, prompt, own)
    weights = {each.id: each.weight for each in principles}
    if AS_A_WHOLE.id in weights:
        # a number of the whole has units of its own: hard principles beside it are no part of a mean
        weights = {AS_A_WHOLE.id: 1.0}
    rivals = dict.fromkeys([*(each.id for each in completions), *(each.completion_ids[0] for each in own)])
    read = {name: _read(name, said, weights) for name in rivals}
    scores = levels({name: numbers for name, numbers in read.items() if numbers is not None}, weights)
    return [_scored(each, said, principles, scores.get(each.id)) for each in completions]


def _read(
    completion: str, said: Mapping[tuple[str, str], Judgment], weights: Mapping[str, float]
) -> dict[str, float] | None:
    """The number of each principle that was read; None where too few were."""
    judgments = {name: said.get((completion, name)) for name in weights}
    # a judge that abstains says that the principle has nothing to say here: it is not a failure
    wanted = sum(each is None or each.state is not State.ABSTAIN for each in judgments.values())
    found = {name: number_of(each) for name, each in judgments.items() if each is not None}
    numbers = {name: number for name, number in found.items() if number is not None}
    return numbers if numbers and len(numbers) >= MIN_READ * wanted else None


def _scored(
    completion: Completion,
    said: Mapping[tuple[str, str], Judgment],
    principles: Sequence[Principle],
    score: float | None,
) -> ScoredCompletion:
    judgments = {each.id: said.get((completion.id, each.id)) for each in principles}
    states = Counter(State.TRANSPORT if each is None else each.state for each in judgments.values())
    violated = [each.id for each in principles if each.hard and breaks(judgments[each.id])]
    violated += broken(said.get((completion.id, AS_A_WHOLE.id)))
    return ScoredCompletion(completion=completion, score=score, violated=tuple(violated), states=dict(states))

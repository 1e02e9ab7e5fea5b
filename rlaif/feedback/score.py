"""Checklist judgments to one score a completion. What could not be read is left out and counted, never a zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlaif.judging.rules import asked, principle_of, share_of
from rlaif.records import Completion, Constitution, Judgment, Principle, Prompt, State

MIN_READ = 0.5
"""Below this share of readable principles a completion has no score: two means over different rules do not compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A completion with what its judge thinks of it."""

    completion: Completion
    score: float | None
    """Weighted mean of P(yes), or of ratings as shares of their scale, over the principles that apply and were read;
    None if too few were."""
    violated: tuple[str, ...] = ()
    """Ids of hard principles that it violates."""
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
) -> list[Scored]:
    """One `Scored` a completion, in the given order. `judgments` may hold those of other prompts too."""
    own = [each for each in judgments if len(each.completion_ids) == 1 and each.prompt_id == prompt.id]
    said = {(each.completion_ids[0], principle_of(each)): each for each in own}
    principles = asked(constitution, prompt, own)
    return [_scored(each, said, principles) for each in completions]


def _scored(
    completion: Completion, said: Mapping[tuple[str, str], Judgment], principles: Sequence[Principle]
) -> Scored:
    states: dict[State, int] = {}
    votes, violated, wanted = [], [], 0
    for principle in principles:
        judgment = said.get((completion.id, principle.id))
        state = State.TRANSPORT if judgment is None else judgment.state
        states[state] = states.get(state, 0) + 1
        # a judge that abstains says that the principle has nothing to say here: it is not a failure
        wanted += state is not State.ABSTAIN
        share = None if judgment is None else share_of(judgment)
        if share is None:
            continue
        votes.append((principle.weight, share))
        if principle.hard and share < 0.5:
            violated.append(principle.id)
    total = sum(weight for weight, _ in votes)
    enough = total > 0 and len(votes) >= MIN_READ * wanted
    score = sum(weight * value for weight, value in votes) / total if enough else None
    return Scored(completion=completion, score=score, violated=tuple(violated), states=states)

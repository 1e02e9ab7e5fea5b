"""Critique and revision, several times: what Constitutional AI's first half makes of a completion (2212.08073).

At each step a principle is chosen, the critic says how the completion breaks it, and the reviser writes it anew. What
nothing comes of has a reason, and the next step goes on with the completion as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rlaif.feedback.chosen_principles import ALL, DRAWN, WORST, Choice, applying, drawn, worst
from rlaif.feedback.critique import ViolatedPrinciples, criticise, names_no_violation
from rlaif.feedback.revise import Outcome, Revisable, at_stage, refusal_of, revise, stage_of
from rlaif.feedback.written import UnusableReply
from rlaif.hashing import derived_seed
from rlaif.judging.shown import Sees
from rlaif.records import Completion, Constitution, Engine, Principle, Prompt, Sampling
from rlaif.templates import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionStage:
    """One critique and revision."""

    number: int
    """From 1, counted over all steps that the completion has behind it."""
    parent: Completion
    principles: tuple[Principle, ...]
    outcome: Outcome
    critique: str = ""
    revision: Completion | None = None

    @property
    def after(self) -> Completion:
        """The completion as it stands then."""
        return self.parent if self.revision is None else self.revision


@dataclass(slots=True, kw_only=True)
class RevisionChain:
    """A completion and what was made of it."""

    prompt: Prompt
    first: Completion
    stages: list[RevisionStage] = field(default_factory=list)

    @property
    def last(self) -> Completion:
        """The completion as it stands now."""
        return self.stages[-1].after if self.stages else self.first

    def at(self, stage: int) -> Completion:
        """The completion as it stood after so many steps; 0 is the first draw."""
        return self.stages[min(stage, len(self.stages)) - 1].after if stage and self.stages else self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPlan:
    """How chains are made."""

    times: int = 1
    choice: Choice = DRAWN
    direct: bool = False
    """Whether nobody criticises before the revision."""
    critic_sampling: Sampling
    sampling: Sampling
    critique_template: Template | None = None
    template: Template | None = None
    critic_sees: Sees = "answer"
    sees: Sees = "answer"
    seed: int = 0
    round: int = 0
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Of `worst`: how far each completion, by its id, follows each principle, from 0 to 1."""


def revise_chains(
    reviser: Engine,
    critic: Engine,
    constitution: Constitution,
    completions: Sequence[tuple[Prompt, Completion]],
    plan: ChainPlan,
) -> list[RevisionChain]:
    """A chain for each completion, in their order, each with one stage a step; all chains go a step together."""
    chains = [RevisionChain(prompt=prompt, first=said) for prompt, said in completions]
    for step in range(1, plan.times + 1):
        _step(reviser, critic, constitution, chains, plan, step)
    return chains


def _step(
    reviser: Engine,
    critic: Engine,
    constitution: Constitution,
    chains: Sequence[RevisionChain],
    plan: ChainPlan,
    step: int,
) -> None:
    begun = [_begun(constitution, each, plan, step) for each in chains]
    asked = [place for place, each in enumerate(begun) if each.outcome is Outcome.REVISED]
    if not plan.direct:
        faults = [ViolatedPrinciples(chains[n].prompt, begun[n].parent, begun[n].principles) for n in asked]
        written = criticise(
            critic,
            faults,
            template=plan.critique_template,
            sampling=plan.critic_sampling,
            sees=plan.critic_sees,
            seeds=[_seed(plan, "critique", chains[n], step) for n in asked],
        )
        for place, each in zip(asked, written, strict=True):
            why = _NO_CRITIQUE[each.problem] if each.problem is not None else Outcome.REVISED
            none = why is Outcome.REVISED and names_no_violation(each.text)
            outcome = Outcome.NO_VIOLATION if none else why
            begun[place] = replace(begun[place], critique=each.text, outcome=outcome)
        asked = [place for place in asked if begun[place].outcome is Outcome.REVISED]
    items = [
        Revisable(chains[n].prompt, begun[n].parent, begun[n].critique, begun[n].principles) for n in asked
    ]
    made = revise(
        reviser,
        items,
        template=plan.template,
        sampling=plan.sampling,
        seeds=[_seed(plan, "revise", chains[n], step) for n in asked],
        sees=plan.sees,
    )
    for place, found in zip(asked, made, strict=True):
        own = begun[place]
        revision = None if found.completion is None else at_stage(found.completion, own.number)
        begun[place] = replace(own, outcome=found.outcome, revision=revision)
    for chain, stage in zip(chains, begun, strict=True):
        chain.stages.append(stage)


def _begun(constitution: Constitution, chain: RevisionChain, plan: ChainPlan, step: int) -> RevisionStage:
    """The stage before anything is asked; its outcome is REVISED where something is to be asked."""
    said = chain.last
    chosen, why = _chosen(constitution, chain, plan, step)
    outcome = refusal_of(said) or (Outcome.REVISED if chosen else why)
    number = stage_of(chain.first) + step
    return RevisionStage(number=number, parent=said, principles=chosen, outcome=outcome)


def _chosen(
    constitution: Constitution, chain: RevisionChain, plan: ChainPlan, step: int
) -> tuple[tuple[Principle, ...], Outcome]:
    """The principles of a step, or why there are none."""
    open_ones = applying(constitution, chain.prompt, plan.choice)
    if not open_ones:
        return (), Outcome.NO_PRINCIPLE
    if plan.choice == ALL:
        return tuple(open_ones), Outcome.REVISED
    if plan.choice == WORST:
        return worst(open_ones, plan.shares.get(chain.first.id, {}), step), Outcome.NOT_JUDGED
    first = chain.first
    return drawn(open_ones, plan.seed, plan.round, chain.prompt.id, first.draw, step), Outcome.REVISED


def _seed(plan: ChainPlan, what: str, chain: RevisionChain, step: int) -> int:
    first = chain.first
    return derived_seed(plan.seed, what, plan.round, chain.prompt.id, first.draw, first.id, step)


_NO_CRITIQUE = {
    UnusableReply.FAILED: Outcome.CRITIQUE_FAILED,
    UnusableReply.BROKE_OFF: Outcome.CRITIQUE_BROKE_OFF,
    UnusableReply.EMPTY: Outcome.CRITIQUE_EMPTY,
    UnusableReply.REFUSED: Outcome.CRITIQUE_REFUSED,
}

"""The source `anchored`: the best of the newest policy's completions over the worst of an earlier policy's.

Temporal Self-Rewarding (2508.06026): in a loop the two sides of a pair come to look alike, and little is left to learn.
A rejected side that stays where the first policy was keeps the distance.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlaif.errors import InputError
from rlaif.feedback.pairing import Candidate
from rlaif.records import Completion, Judgment, Pair, Prompt
from rlaif.workflows.recipe import scored_pairs
from rlaif.workflows.recipe.construction import artefact_inputs, counts
from rlaif.workflows.recipe.pair_source import PairSource, SourcedPairs
from rlaif.workflows.recipe.scored_pairs import ComparedPairs
from rlaif.workflows.recipe.step import CheckedStep, Job, RunJob

ONE_SIDED, NO_GAP = "one side", "not better"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredPairs(ComparedPairs):
    """What decides between the two."""


def _both(job: Job) -> tuple[list[tuple[Prompt, Completion]], list[tuple[Prompt, Completion]]]:
    """The completions of the first artefact of judgments that is named, and those of the second."""
    first, second = (each.ancestor("completions") for each in job.gathered())
    assert first is not None
    assert second is not None
    return job.read(first), job.read(second)


def _judgments(job: Job) -> list[Judgment]:
    return [one for each in job.gathered() for one in job.read(each)]


def pair(job: RunJob) -> SourcedPairs:
    """Set the best of the first over the worst of the second."""
    newest, anchor = _both(job)
    judgments = _judgments(job)
    owners = {each.id for _, each in newest}
    reasons = {ONE_SIDED: 0, NO_GAP: 0}
    found: list[Candidate] = []
    for prompt, own in scored_pairs.scored(job, [*newest, *anchor], judgments):
        order = scored_pairs.ranked(job, own)
        above = [each for each in order if each.completion.id in owners]
        anchors = {each.id for _, each in anchor}
        below = [each for each in order if each.completion.id in anchors]
        if not above or not below or above[0].completion.id == below[-1].completion.id:
            reasons[ONE_SIDED] += 1
        elif above[0].rank_key < below[-1].rank_key:
            reasons[NO_GAP] += 1
        else:
            found.append(Candidate(prompt, above[0], below[-1]))
    done = scored_pairs.decided(job, found, judgments)
    why = {**{name: count for name, count in reasons.items() if count}, **done.why}
    drawn = [*newest, *anchor]
    return SourcedPairs(
        pairs=[each for _, each in done.pairs],
        counts=counts(drawn, len(found) + sum(reasons.values()), why, len(done.pairs)),
        comparisons=done.comparisons,
        facts=scored_pairs.facts(judgments, done.comparisons),
    )


def forecast(job: Job) -> list[Pair]:
    """Ask as many comparisons as there will be at most."""
    newest, anchor = _both(job)
    scored_pairs.ask_alike(job, [*newest, *anchor])
    return []


def check(checked: CheckedStep) -> None:
    """Raise InputError where not two artefacts of judgments are named."""
    taken = [each for each in checked.task.takes if each.kind == "judgments"]
    if len(taken) != 2:
        raise InputError(
            f"takes the judgments of two policies' completions, and `of` names {len(taken)}: those of the newest "
            "policy, whose best is chosen, then those of the earlier one, whose worst is rejected: `of: [now, first]`"
        )
    scored_pairs.check(checked)


SOURCE = PairSource(
    name="anchored",
    help="The best of the newest policy's completions over the worst of the first policy's (Temporal Self-Rewarding).",
    options=AnchoredPairs,
    needs=lambda _: (("judgments",),),
    gathers=True,
    joins=False,
    models=lambda _: {"judge": "judge"},
    pair=pair,
    forecast=forecast,
    inputs=artefact_inputs,
    compares=lambda _: True,
    check=check,
    protocols=scored_pairs.protocols_of,
    work=scored_pairs.work,
    halts=scored_pairs.halts,
)

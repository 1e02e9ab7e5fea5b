"""What revising did: what came of each step, and by gold and judge whether it helped. Gold never decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.auditing.intervals import Interval, mean, mean_interval
from rlaif.feedback.revise import Outcome
from rlaif.feedback.revision_chains import RevisionChain, RevisionStage
from rlaif.feedback.score import score_completions
from rlaif.records import Completion, Constitution, Judgment, Prompt
from rlaif.workflows.models.failures import failed_judgments
from rlaif.workflows.models.gold import Grades, gold_by_principle, gold_mean, grade, share_met

CRITICISED = (Outcome.REVISED, Outcome.FAILED, Outcome.BROKE_OFF, Outcome.EMPTY, Outcome.UNCHANGED)
"""Outcomes of a stage whose critique, where there is one, names a violation."""
GAIN = (-1.0, 1.0)
"""Limits of a difference of two shares."""
SURE_BELOW = 0.0


class _Known(NamedTuple):
    """A stage with the gold of both its ends."""

    stage: RevisionStage
    before: Grades
    after: Grades

    @property
    def broken(self) -> bool | None:
        """Whether the completion breaks one of the principles that the stage is about; None: gold cannot tell."""
        met = [self.before.get(each.id) for each in self.stage.principles]
        known = [each for each in met if each is not None]
        return None if not known else not all(known)


def outcomes(chains: Sequence[RevisionChain]) -> list[dict[str, Any]]:
    """For each stage what came of it, by reason: every chain counts once in each."""
    found = []
    for place in range(max((len(each.stages) for each in chains), default=0)):
        counted = Counter(each.stages[place].outcome for each in chains)
        found.append(
            {
                "stage": place + 1,
                "outcomes": {each.value: counted[each] for each in Outcome if counted[each]},
            }
        )
    return found


def by_gold(constitution: Constitution, chains: Sequence[RevisionChain], *, direct: bool) -> dict[str, Any]:
    """The gold of the completions after each stage, and of critiques and revisions how many gold confirms.

    Shares are of what gold can tell, None of nothing:

    - confirmed: of the critiques that name a violation, where the principle (of several, one of them) is violated;
    - missed: of the critiques that name none, where it is violated all the same;
    - fixed: of the revisions of what violates the principle, those that follow it;
    - broke: of all revisions, those that violate some principle which their parent followed.
    """
    graded = _Graded(constitution)
    stages = max((len(each.stages) for each in chains), default=0)
    after = [[graded(each.prompt, each.at(stage)) for each in chains] for stage in range(stages + 1)]
    gains = [
        (each.prompt.id, last - first)
        for each, one, other in zip(chains, after[0], after[-1], strict=True)
        if (first := share_met(one)) is not None and (last := share_met(other)) is not None
    ]
    rows = []
    for place in range(stages):
        known = [
            _Known(
                each.stages[place],
                graded(each.prompt, each.at(place)),
                graded(each.prompt, each.at(place + 1)),
            )
            for each in chains
        ]
        rows.append({"stage": place + 1, **_shares(known, direct=direct)})
    return {
        "gold": [gold_mean(each) for each in after],
        "gold_by_principle": [gold_by_principle(each) for each in after],
        "gold_gain": interval(mean_interval(gains, limits=GAIN)),
        "gold_stages": rows,
        "whole": _shares(
            [
                _Known(stage, graded(each.prompt, each.at(place)), graded(each.prompt, each.at(place + 1)))
                for each in chains
                for place, stage in enumerate(each.stages)
            ],
            direct=direct,
        ),
    }


class _Graded:
    """Gold of completions, each graded once."""

    def __init__(self, constitution: Constitution) -> None:
        self.constitution = constitution
        self.known: dict[str, Grades] = {}

    def __call__(self, prompt: Prompt, said: Completion) -> Grades:
        if said.id not in self.known:
            self.known[said.id] = grade(prompt, said, self.constitution)
        return self.known[said.id]


def _shares(known: Sequence[_Known], *, direct: bool) -> dict[str, float | None]:
    told = [each for each in known if each.broken is not None]
    named = [each for each in told if each.stage.outcome in CRITICISED and not direct]
    silent = [each for each in told if each.stage.outcome is Outcome.NO_VIOLATION]
    revised = [each for each in known if each.stage.outcome is Outcome.REVISED]
    faulty = [each for each in revised if each.broken]
    return {
        "confirmed": mean(float(bool(each.broken)) for each in named),
        "missed": mean(float(bool(each.broken)) for each in silent),
        "fixed": mean(float(_follows(each)) for each in faulty),
        "broke": mean(
            float(_breaks(each)) for each in revised if any(v is not None for v in each.before.values())
        ),
    }


def _follows(known: _Known) -> bool:
    return all(known.after.get(each.id) is not False for each in known.stage.principles)


def _breaks(known: _Known) -> bool:
    return any(met and known.after.get(name) is False for name, met in known.before.items())


def by_judge(
    constitution: Constitution,
    chains: Sequence[RevisionChain],
    ask: Callable[[Sequence[tuple[Prompt, Completion]]], Sequence[Judgment]],
) -> dict[str, Any]:
    """What a judge thinks of the first draws and of what became of them: means, and the mean gain with its interval.

    `ask` gives the judgments of completions. Only chains of which both could be read count.
    """
    ends = [(each.prompt, said) for each in chains for said in (each.first, each.last)]
    said: dict[str, list[Judgment]] = {}
    judgments = ask(ends)
    failed = failed_judgments(judgments)
    for each in judgments:
        said.setdefault(each.prompt_id, []).append(each)
    rows = []
    for chain in chains:
        both = [chain.first, chain.last]
        scored = score_completions(chain.prompt, both, said.get(chain.prompt.id, []), constitution)
        first, last = (each.score for each in scored)
        if first is not None and last is not None:
            rows.append((chain.prompt.id, first, last))
    return {
        "measured": len(rows),
        "judge_first": mean(first for _, first, _ in rows),
        "judge_last": mean(last for *_, last in rows),
        "judge_gain": interval(
            mean_interval([(prompt, last - first) for prompt, first, last in rows], limits=None)
        ),
        **({"judge_failed": failed} if failed else {}),
    }


def followed(
    constitution: Constitution, judgments: Sequence[Judgment], share: Callable[[Judgment], float | None]
) -> dict[str, dict[str, float]]:
    """By completion id, how far it follows each principle by pointwise judgments; what was not read is not there."""
    known = {each.id for each in constitution.principles}
    found: dict[str, dict[str, float]] = {}
    for each in judgments:
        if (
            len(each.completion_ids) == 1
            and each.principle_id in known
            and (value := share(each)) is not None
        ):
            found.setdefault(each.completion_ids[0], {})[each.principle_id] = value
    return found


def interval(found: Interval | None) -> dict[str, float] | None:
    """As JSON."""
    return None if found is None else found._asdict()


def says(figures: Mapping[str, Any]) -> list[str]:
    """Sentences on what a reader must know before training: revising does not help, or mostly fails."""
    told = [f"revise, {figures['measured']} measured: {each}" for each in figures.get("judge_failed", ())]
    for name, who in (("gold_gain", "gold"), ("judge_gain", "its judge")):
        gain = figures.get(name)
        if gain is not None and gain["high"] < SURE_BELOW:
            told.append(
                f"revising makes answers worse by {who}: {gain['value']:+.3f} "
                f"({gain['low']:+.3f} to {gain['high']:+.3f}); do not train on these revisions"
            )
    for each in figures["stages"]:
        counts: Mapping[str, int] = each["outcomes"]
        whole = sum(counts.values())
        lost = {name: counts[name] for name in LOST if name in counts}
        if lost:
            parts = ", ".join(f"{name} {count}" for name, count in lost.items())
            told.append(
                f"revise, stage {each['stage']}: of {whole} completions {parts}; they stay as they were"
            )
    return told


LOST = tuple(
    each.value
    for each in Outcome
    if each not in (Outcome.REVISED, Outcome.NO_VIOLATION, Outcome.UNCHANGED, Outcome.NO_PRINCIPLE)
)
"""Outcomes in which something went wrong."""

"""An audit: every figure of a run with its interval, its faults, and what to do about them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlaif.auditing.calibration import Bin, Forecast, bins, brier, calibration_error
from rlaif.auditing.criteria import (
    CriterionEffect,
    explain,
    explain_principles,
    label_shares,
    preferences,
)
from rlaif.auditing.evidence import STATES
from rlaif.auditing.faults import DetectedFault, find
from rlaif.auditing.gain import Gain, gain
from rlaif.auditing.judge_thoughts import AgainstThought, against_thought, judge_thought_figures
from rlaif.auditing.lacking import not_looked_at
from rlaif.auditing.orders import order_figures
from rlaif.auditing.people import people_figures, raters, reliability
from rlaif.auditing.pointwise import PARTS, SHIFTS, Shift, best_shift, opposed, pointwise_figures
from rlaif.auditing.principles import (
    PrincipleAgreement,
    PrincipleRow,
    principle_figures,
    principle_rows,
    together,
)
from rlaif.auditing.raters import rater_figures
from rlaif.auditing.resample import Estimate, Tally, counted, estimate, share
from rlaif.auditing.sameness import common_closer, sameness_figures, uncovered
from rlaif.auditing.surface import read_surface, refuses
from rlaif.auditing.thoughts import thought_figures
from rlaif.auditing.truth import truth_figures
from rlaif.auditing.verdicts import Verdicts, verdicts
from rlaif.records import State

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats

UNREADABLE = (State.UNREADABLE, State.TRUNCATED, State.TRANSPORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The figures and faults of a run."""

    counts: Mapping[str, int]
    """Prompts, completions, judgments and pairs that were looked at."""
    funnel: Mapping[str, int]
    figures: Mapping[str, Estimate]
    findings: Sequence[DetectedFault]
    criteria: Mapping[str, CriterionEffect]
    explained: Mapping[str, CriterionEffect]
    """What principles and propositions explain of the labels, each beside all others."""
    principles: Sequence[PrincipleRow]
    together: Sequence[PrincipleAgreement]
    raters: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, float] = field(default_factory=dict)
    reliability: Sequence[Bin] = ()
    """What labels say against what is true, from low to high."""
    gain: Gain | None = None
    closer: str = ""
    """The last sentence that most completions share."""
    uncovered: Sequence[str] = ()
    """Training prompts that no feedback prompt resembles."""
    not_looked_at: Mapping[str, str] = field(default_factory=dict)
    """Figures that this run cannot give, and what they need."""
    against_thought: Sequence[AgainstThought] = ()
    """Labels that the judge's own thought leans away from."""


def audit(evidence: Evidence, *, seed: int = 0) -> Audit:
    """Compute every figure that the evidence allows, and the faults that they show."""
    whole = verdicts(evidence)
    surface = read_surface(evidence.texts.texts, _compared(evidence, whole))
    tallies, shift = _tallies(evidence, whole, surface)
    figures = estimate(tallies, seed=seed)
    training = evidence.training_prompts
    bare = uncovered(training, evidence.prompts.texts) if training else []
    if training:
        figures["training_uncovered"] = counted(len(bare), len(training))
    said = preferences(evidence, whole)
    criteria = explain(evidence, said, surface)
    hidden, words = _hidden(criteria)
    notes = {}
    if shift is not None:
        notes["shifted"] = f"by {shift.rows:+d}, from {shift.start:.0%} of the file on"
    forecasts = reliability(evidence)
    return Audit(
        counts=_counts(evidence),
        funnel=evidence.funnel,
        figures=figures,
        findings=find({**figures, **hidden}, notes, {"shifted": len(SHIFTS) * PARTS, **words}),
        criteria=criteria,
        explained=explain_principles(evidence, said),
        principles=principle_rows(evidence, figures),
        together=together(evidence, figures),
        raters=raters(evidence),
        calibration=_calibration(forecasts),
        reliability=bins(forecasts),
        gain=gain(evidence),
        closer=common_closer(evidence.texts.texts),
        uncovered=[training[place] for place in bare],
        not_looked_at=not_looked_at(evidence, figures),
        against_thought=against_thought(evidence),
    )


def _compared(evidence: Evidence, whole: Verdicts) -> list[int]:
    """Places of the answers that were set beside another: of six draws a run often compares two.

    Without those that were cut off: their length is the limit's, and what else their end would have held is unknown.
    """
    import numpy as np

    labels = evidence.labels
    places = np.unique(np.concatenate([whole.one, whole.other, labels.chosen, labels.rejected]))
    said = evidence.texts.answered & ~evidence.texts.truncated
    found: list[int] = places[said[places]].tolist()
    return found


def _tallies(
    evidence: Evidence, whole: Verdicts, surface: Mapping[str, Floats]
) -> tuple[dict[str, Tally], Shift | None]:
    shift = best_shift(evidence, whole)
    found = {
        **order_figures(evidence, whole),
        **pointwise_figures(evidence, whole),
        **_failures(evidence),
        "scores_opposed": opposed(evidence),
        "label_contradicts": _contradicts(evidence),
        **label_shares(evidence, surface),
        **sameness_figures(evidence),
        **people_figures(evidence),
        **rater_figures(evidence),
        **truth_figures(evidence, surface),
        **principle_figures(evidence),
        **thought_figures(evidence),
        **judge_thought_figures(evidence),
    }
    return found | ({} if shift is None else {"shifted": shift.tally}), shift


def _hidden(criteria: Mapping[str, CriterionEffect]) -> tuple[dict[str, Estimate], dict[str, int]]:
    """The criteria that no principle asks for; of all words the most striking one, and among how many it is that."""
    found = {f"effect:{name}": each.effect for name, each in criteria.items() if not each.in_force}
    words = [name for name in found if name.startswith("effect:word")]
    if not words:
        return found, {}
    most = max(words, key=lambda name: abs(found[name].value) - 2 * found[name].error)
    return {name: each for name, each in found.items() if name not in words or name == most}, {
        most: len(words)
    }


def _counts(evidence: Evidence) -> dict[str, int]:
    return {
        "prompts": len(evidence.prompts.ids),
        "completions": len(evidence.texts.ids),
        "judgments": len(evidence.pointwise.value) + len(evidence.pairwise.value),
        "pairs": len(evidence.labels.ids),
        "votes": len(evidence.votes),
    }


def _failures(evidence: Evidence) -> dict[str, Tally]:
    import numpy as np

    texts, clusters = evidence.texts, len(evidence.prompts.ids)
    bad = [STATES.index(each) for each in UNREADABLE]
    refused = STATES.index(State.JUDGE_REFUSED)
    declined = np.asarray([float(refuses(text)) for text in texts.texts])
    declined = np.where(texts.answered, declined, np.nan)
    found = {
        "truncated": share(texts.prompt, clusters, texts.truncated.astype(float)),
        "declined": share(texts.prompt, clusters, declined),
    }
    for name, place, state in (
        ("looks", evidence.pointwise.completion, evidence.pointwise.state),
        ("comparisons", evidence.pairwise.first, evidence.pairwise.state),
    ):
        prompt = texts.prompt[place] if len(place) else place
        found[f"unreadable:{name}"] = share(prompt, clusters, np.isin(state, bad).astype(float))
        found[f"refused:{name}"] = share(prompt, clusters, (state == refused).astype(float))
    return found


def _contradicts(evidence: Evidence) -> Tally:
    import numpy as np

    decided = evidence.labels.decided
    value = np.where(np.isnan(decided) | (decided == 0.5), np.nan, (decided < 0.5).astype(float))
    chosen = evidence.labels.chosen
    prompt = evidence.texts.prompt[chosen] if len(chosen) else chosen
    return share(prompt, len(evidence.prompts.ids), value)


def _calibration(forecasts: Sequence[Forecast]) -> dict[str, float]:
    error, score = calibration_error(forecasts), brier(forecasts)
    if error is None or score is None:
        return {}
    return {"pairs": float(len(forecasts)), "calibration_error": error, "brier": score}

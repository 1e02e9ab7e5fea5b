"""Go or no-go before a training: whether this judge's choices among these draws win anything that is true.

A policy that learns from a judge rises at most by what the judge can distinguish. Go only where taking the judge's best
of a prompt's draws wins more than three standard errors over a draw at random, and the judge orders the draws of a
prompt as the truth does, rank correlation above .3 (docs/evaluation.md). Truth is gold, or what a stronger judge reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rlaif.auditing.gain import judge_scores, rows_by_prompt
from rlaif.auditing.resample import Estimate, Tally, estimate, share
from rlaif.auditing.truth import truth_of

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats

ERRORS = 3.0
"""Standard errors that the gain must be above 0."""
LEAST_RANK = 0.3
"""Rank correlation of judge and truth within a prompt, above which there is something to learn."""
FEWEST = 8
"""Prompts below which a standard error says little."""
GAIN: tuple[float, float] = (-1.0, 1.0)


class Readiness(NamedTuple):
    """The verdict before a training, and what it is made of. `go` is None where it cannot be known."""

    go: bool | None
    says: str
    by: str = ""
    """Whose truth: `gold`, or a judge's."""
    mean: float | None = None
    """Truth of a draw at random, the mean over prompts."""
    oracle_best: float | None = None
    """Truth of each prompt's best draw: the most that choosing could win."""
    gain: Estimate | None = None
    """What taking the judge's best wins over a draw at random: what a round can be expected to win at most."""
    of_the_room: float | None = None
    """The gain as a share of what is missing to 1."""
    rank: Estimate | None = None
    """Spearman's correlation of judge and truth over the draws of a prompt, mean over prompts."""
    precision: Estimate | None = None
    """Share of the pairs whose truth differs that choose the better side."""


def readiness(evidence: Evidence, by: str = "gold") -> Readiness:
    """The verdict on a run whose `evidence.gold` is the truth; `by` says whose that is."""
    import numpy as np

    if evidence.gold is None:
        return Readiness(
            None, "unknown: no prompt names a gold, and no stronger judge says what is better (--truth RUN)"
        )
    score = judge_scores(evidence)
    sums = rows_by_prompt(evidence, score)
    if len(sums) < FEWEST:
        return Readiness(
            None, f"unknown: only {len(sums)} prompts have two draws that judge and {by} both read", by
        )
    won, places = sums[:, 1] - sums[:, 0], np.arange(len(sums))
    # each is over prompts of its own: a prompt may have a gain and no rank
    parts = ({"gain": share(places, len(sums), won, GAIN)}, _rank(evidence, score), _precision(evidence))
    found = {name: each for part in parts for name, each in estimate(part).items()}
    gain, rank = found["gain"], found.get("rank")
    mean, oracle = float(sums[:, 0].mean()), float(sums[:, 2].mean())
    error = float(won.std(ddof=1)) / len(won) ** 0.5
    whys = []
    if not gain.value > ERRORS * error:
        whys.append(
            f"the judge's best draws win {gain.value:+.3f}, no more than {ERRORS:g} standard errors ({error:.3f})"
        )
    if rank is None or not rank.value > LEAST_RANK:
        told = "cannot be told" if rank is None else f"is {rank.value:.2f}, not above {LEAST_RANK:g}"
        whys.append(f"the rank correlation of judge and {by} within a prompt {told}")
    good = f"by {by} the judge's best draws win {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    return Readiness(
        go=not whys,
        says=f"no go, by {by}: {' and '.join(whys)}" if whys else f"go: {good}",
        by=by,
        mean=mean,
        oracle_best=oracle,
        gain=gain,
        of_the_room=gain.value / (1 - mean) if mean < 1 else None,
        rank=rank,
        precision=found.get("precision"),
    )


def _rank(evidence: Evidence, score: Floats) -> dict[str, Tally]:
    """Spearman's correlation within each prompt that has two different truths and two different scores."""
    import numpy as np
    from scipy.stats import rankdata

    assert evidence.gold is not None
    known = np.flatnonzero(~np.isnan(evidence.gold) & ~np.isnan(score))
    prompts = evidence.texts.prompt[known]
    values = []
    for prompt in np.unique(prompts):
        places = known[prompts == prompt]
        said, true = rankdata(score[places]), rankdata(evidence.gold[places])
        if said.std() > 0 and true.std() > 0:
            values.append(float(np.corrcoef(said, true)[0, 1]))
    if not values:
        return {}
    return {"rank": share(np.arange(len(values)), len(values), np.asarray(values), GAIN)}


def _precision(evidence: Evidence) -> dict[str, Tally]:
    """Of the pairs whose sides differ in truth, those that choose the better one."""
    from dataclasses import replace

    truth = truth_of(replace(evidence, votes=()))
    if truth is None:
        return {}
    prompts = evidence.texts.prompt[evidence.labels.chosen[truth.pairs]]
    return {"precision": share(prompts, len(evidence.prompts.ids), truth.right)}


def figures(found: Readiness) -> list[list[Any]]:
    """Rows of the table: what is known before the training, each with its interval where it has one."""
    rows: list[list[Any]] = []
    for name, value in (
        ("truth of a draw at random", found.mean),
        ("truth of each prompt's best draw", found.oracle_best),
        ("gain of the judge's best draw", found.gain),
        ("as a share of what is missing to 1", found.of_the_room),
        ("rank correlation within a prompt", found.rank),
        ("pairs that choose the better side", found.precision),
    ):
        if isinstance(value, Estimate):
            rows.append([name, value.value, value.low, value.high])
        elif value is not None:
            rows.append([name, value, None, None])
    return rows

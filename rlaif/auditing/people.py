"""Labels against reviewers, gold, and a second run of the judge."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rlaif.auditing.agreement import cohen, fleiss, krippendorff
from rlaif.auditing.calibration import Forecast
from rlaif.auditing.raters import first_chosen, said_by_people
from rlaif.auditing.rationales import contradicts
from rlaif.auditing.resample import Tally, share, surer
from rlaif.auditing.truth import truth_of

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence


def people_figures(evidence: Evidence) -> dict[str, Tally]:
    """`people_agree`: votes of people for the chosen side. `overconfident`: mean `label_prob` less that share.

    `gold_agree`: of pairs whose sides gold distinguishes, those labelled its way. `overconfident_gold`: as above.
    `rationale_contradicts`: verdicts against their own prose. `retest_differs`: questions answered otherwise the
    second time.
    """
    import numpy as np

    clusters = len(evidence.prompts.ids)
    labels = evidence.labels
    prompt = evidence.texts.prompt[labels.chosen] if len(labels.chosen) else labels.chosen
    found: dict[str, Tally] = {}
    if evidence.votes:
        pairs = np.asarray([each.pair for each in evidence.votes])
        agrees = np.asarray([float(each.agrees) for each in evidence.votes])
        found["people_agree"] = share(prompt[pairs], clusters, agrees)
        found["overconfident"] = surer(prompt[pairs], clusters, labels.probability[pairs], agrees)
    if evidence.gold is not None and len(labels.chosen):
        apart = evidence.gold[labels.chosen] - evidence.gold[labels.rejected]
        right = np.where(np.isnan(apart) | (apart == 0), np.nan, (apart > 0).astype(float))
        found["gold_agree"] = share(prompt, clusters, right)
        found["overconfident_gold"] = surer(prompt, clusters, labels.probability, right)
    said = [(each.prompt, contradicts(each.text, each.first, each.about)) for each in evidence.rationales]
    clear = [(where, what) for where, what in said if what is not None]
    found["rationale_contradicts"] = share(
        np.asarray([where for where, _ in clear], dtype=int),
        clusters,
        np.asarray([float(what) for _, what in clear]),
    )
    found["retest_differs"] = share(
        np.asarray([where for where, _, _ in evidence.repeats], dtype=int),
        clusters,
        np.asarray([float((one > 0.5) != (two > 0.5)) for _, one, two in evidence.repeats]),
    )
    return found


def raters(evidence: Evidence) -> dict[str, Any]:
    """Of pairs that people voted on: Cohen's kappa of each with the labels, Fleiss' and Krippendorff's of all."""
    by_pair = said_by_people(evidence)
    if not by_pair:
        return {}
    names = sorted({each.by for each in evidence.votes})
    label = {pair: first_chosen(evidence, pair) for pair in by_pair}
    with_labels = {
        name: cohen(
            [votes[name] for votes in by_pair.values() if name in votes],
            [label[pair] for pair, votes in by_pair.items() if name in votes],
        )
        for name in names
    }
    rows = [[votes.get(name) for name in names] for votes in by_pair.values()]
    return {
        "cohen": with_labels,
        "fleiss": fleiss([Counter(votes.values()) for votes in by_pair.values()]),
        "krippendorff": krippendorff(rows),
    }


def reliability(evidence: Evidence) -> list[Forecast]:
    """(label_prob, truth) of pairs with votes of people, else with gold; empty without either."""
    truth = truth_of(evidence)
    if truth is None:
        return []
    said = evidence.labels.probability[truth.pairs]
    return [Forecast(float(p), float(right)) for p, right in zip(said, truth.right, strict=True)]

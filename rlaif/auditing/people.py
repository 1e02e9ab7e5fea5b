"""Labels against what people, gold or a second asking say of the same things."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from rlaif.auditing.agreement import cohen, fleiss, krippendorff
from rlaif.auditing.rationales import contradicts
from rlaif.auditing.resample import Tally, share

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats


def people_figures(evidence: Evidence) -> dict[str, Tally]:
    """`people_agree`: votes of people for the chosen side. `overconfident`: mean `label_prob` less that share.

    `gold_agree`: of pairs whose sides gold tells apart, those labelled its way. `overconfident_gold`: as above.
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
        found["overconfident"] = share(prompt[pairs], clusters, labels.probability[pairs] - agrees)
    if evidence.gold is not None and len(labels.chosen):
        apart = evidence.gold[labels.chosen] - evidence.gold[labels.rejected]
        right = np.where(np.isnan(apart) | (apart == 0), np.nan, (apart > 0).astype(float))
        found["gold_agree"] = share(prompt, clusters, right)
        found["overconfident_gold"] = share(prompt, clusters, labels.probability - right)
    said = [(each.prompt, contradicts(each.text, each.first)) for each in evidence.rationales]
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
    """Of pairs that people voted on: Cohen's kappa of each with the labels, Fleiss' and Krippendorff's of all people.

    Sides are named by the order of ids, for a rater who always says `chosen` would else be beyond all chance.
    """
    if not evidence.votes:
        return {}
    by_pair: dict[int, dict[str, bool]] = defaultdict(dict)
    for each in evidence.votes:
        by_pair[each.pair][each.by] = each.agrees == _first_chosen(evidence, each.pair)
    names = sorted({each.by for each in evidence.votes})
    label = {pair: _first_chosen(evidence, pair) for pair in by_pair}
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


def _first_chosen(evidence: Evidence, pair: int) -> bool:
    ids, labels = evidence.texts.ids, evidence.labels
    return bool(ids[labels.chosen[pair]] < ids[labels.rejected[pair]])


def reliability(evidence: Evidence) -> tuple[Floats, Floats] | None:
    """(label_prob, truth) of pairs with votes of people, else with gold; None without either."""
    import numpy as np

    labels = evidence.labels
    if evidence.votes:
        pairs = np.asarray([each.pair for each in evidence.votes])
        return labels.probability[pairs], np.asarray([float(each.agrees) for each in evidence.votes])
    if evidence.gold is None or not len(labels.chosen):
        return None
    apart = evidence.gold[labels.chosen] - evidence.gold[labels.rejected]
    known = ~np.isnan(apart) & (apart != 0)
    return labels.probability[known], (apart[known] > 0).astype(float)

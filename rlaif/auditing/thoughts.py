"""Thoughts of the policies: how long they are on either side, and how many never end or are empty. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaif.auditing.resample import Tally, share
from rlaif.auditing.surface import words

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Bools, Evidence


def thought_figures(evidence: Evidence) -> dict[str, Tally]:
    """Figures of thoughts; none of a run without any.

    `open_thought` and `empty_thought`: of the completions of policies that think, those whose thought has no end mark,
    and those that have no thought. `thought_words:chosen` and `:rejected`: mean words of the thoughts of either side;
    `thought_words:apart`: how many more the chosen side has. `chosen_more:thought`: of pairs whose thoughts differ in
    length, those whose chosen side has the longer one.
    """
    import numpy as np

    texts, labels, clusters = evidence.texts, evidence.labels, len(evidence.prompts.ids)
    if not len(texts.thoughts):
        return {}
    length = np.asarray([float(words(each)) for each in texts.thoughts])
    never = np.asarray(texts.open_thoughts, dtype=bool)
    thinks = _thinks(evidence, (length > 0) | never)
    found = {
        "open_thought": share(texts.prompt, clusters, np.where(thinks, never.astype(float), np.nan)),
        "empty_thought": share(texts.prompt, clusters, np.where(thinks, (length == 0) & ~never, np.nan)),
    }
    if len(labels.chosen):
        prompt = texts.prompt[labels.chosen]
        apart = length[labels.chosen] - length[labels.rejected]
        columns = {"chosen": length[labels.chosen], "rejected": length[labels.rejected], "apart": apart}
        for name, value in columns.items():
            found[f"thought_words:{name}"] = share(prompt, clusters, value, limits=None)
        more = np.where(apart == 0, np.nan, (apart > 0).astype(float))
        found["chosen_more:thought"] = share(prompt, clusters, more)
    return found


def _thinks(evidence: Evidence, thought: Bools) -> Bools:
    """(completions,) whether its policy ever thinks: the answers of one that never does lack nothing."""
    import numpy as np

    policies = np.unique(evidence.texts.policy[thought])
    return np.asarray(np.isin(evidence.texts.policy, policies))

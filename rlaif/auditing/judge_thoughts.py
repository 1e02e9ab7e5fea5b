"""Labels against the judge's own thought: it leans to one answer, and the label behind it names the other. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.rationales import leans_to_first
from rlaif.auditing.resample import Tally, share
from rlaif.records import EVEN

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, JudgeThought


THOUGHT_FIGURE = "thought_contradicts"


class AgainstThought(NamedTuple):
    """A label that the thought before it does not lean to."""

    pair: str | None
    """Id of the pair that was made of the two; None where none was."""
    completions: tuple[str, str]
    """Their ids, in the order in which the judge saw them."""
    principle: str
    """Its id; empty where the question was about the whole constitution."""
    thought_prefers: int
    """0 for the first shown, 1 for the second."""
    probability: float
    """P(the first shown is better), as labelled."""
    call: str
    """Key of the call, which `rlaif audit show PAIR` prints."""


def judge_thought_figures(evidence: Evidence) -> dict[str, Tally]:
    """`thought_contradicts`: of labels whose thought leans to a side, those for the other; none of a judge that does

    not think.
    """
    import numpy as np

    if not evidence.judge_thoughts:
        return {}
    clear = [each for each in evidence.judge_thoughts if contradicts_thought(each) is not None]
    prompt = evidence.texts.prompt[[each.shown[0] for each in clear]] if clear else np.empty(0, dtype=int)
    value = np.asarray([float(contradicts_thought(each) or False) for each in clear])
    return {THOUGHT_FIGURE: share(prompt, len(evidence.prompts.ids), value)}


def against_thought(evidence: Evidence) -> list[AgainstThought]:
    """The labels that contradict the thought before them, the surest first."""
    ids, labels = evidence.texts.ids, evidence.labels
    both = zip(labels.chosen.tolist(), labels.rejected.tolist(), labels.ids, strict=True)
    pairs = {frozenset((one, other)): name for one, other, name in both}
    found = [
        AgainstThought(
            pair=pairs.get(frozenset(each.shown)),
            completions=(ids[each.shown[0]], ids[each.shown[1]]),
            principle=each.principle,
            thought_prefers=int(each.probability > EVEN),
            probability=each.probability,
            call=each.call,
        )
        for each in evidence.judge_thoughts
        if contradicts_thought(each)
    ]
    return sorted(found, key=lambda each: (-abs(each.probability - EVEN), each.completions, each.principle))


def contradicts_thought(each: JudgeThought) -> bool | None:
    """Whether the label names the answer that the thought does not lean to; None where either names none."""
    first = leans_to_first(each.text, each.about)
    if first is None or each.probability == EVEN:
        return None
    return first != (each.probability > EVEN)

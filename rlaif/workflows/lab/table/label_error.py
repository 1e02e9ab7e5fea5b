"""How often the labels that a recipe learned from were wrong: against gold, and against the inner judge where dealt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlaif.exchange.judgments import read_judgments
from rlaif.exchange.pairs import read_pairs
from rlaif.judging.biased_judge import BY_LENGTH
from rlaif.judging.failing_judge import FAILED
from rlaif.judging.noisy_judge import TURNED
from rlaif.records import Constitution, Message, Pair, Prompt, completion_of
from rlaif.runs.layout import judged_files, pair_files
from rlaif.workflows.models.gold import grade, share_met

DEALT = (TURNED, BY_LENGTH, FAILED)


def label_error(run: Path, prompts: Iterable[Prompt], constitution: Constitution) -> dict[str, Any]:
    """Counts of a finished run.

    Args:
        run: Its directory.
        prompts: Those of its sets, which say what gold is.
        constitution: By which gold grades.

    Returns:
        `pairs` that gold distinguishes, and those of them whose chosen side is the worse one (`wrong`); the `answers`
        of judges that are kept, and those of them that a wrapper dealt a fault (`dealt`).
    """
    known = {tuple(each.messages): each for each in prompts}
    pairs = wrong = answers = dealt = 0
    for path in pair_files(run):
        for pair in read_pairs(path):
            found = _sides(pair, known, constitution)
            if found is not None and found[0] != found[1]:
                pairs += 1
                wrong += found[0] < found[1]
    for path in judged_files(run):
        for each in read_judgments(path):
            answers += 1
            dealt += each.detail in DEALT
    return {"pairs": pairs, "wrong": wrong, "answers": answers, "dealt": dealt}


def _sides(
    pair: Pair, known: Mapping[tuple[Message, ...], Prompt], constitution: Constitution
) -> tuple[float, float] | None:
    prompt = known.get(tuple(pair.prompt))
    if prompt is None:
        return None
    both = [
        share_met(grade(prompt, completion_of(prompt.id, side, policy=""), constitution))
        for side in (pair.chosen, pair.rejected)
    ]
    return None if both[0] is None or both[1] is None else (both[0], both[1])

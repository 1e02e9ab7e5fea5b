"""The exact text that a judge gets, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.judging import Judge, ModelJudge
from rlaif.records import Completion, Constitution, Prompt


def questions(judge: Judge, constitution: Constitution, prompt: Prompt, texts: Sequence[Completion]) -> str:
    """The first checklist question and, of two texts, the first comparison."""
    if not isinstance(judge, ModelJudge):
        raise InputError(f"{judge.name}: reads no question; there is no text to show")
    principle = next((each for each in constitution.principles if applies(each, prompt)), None)
    if principle is None:
        raise InputError(
            f"{constitution.name}: no principle applies to the first prompt (its tags: {prompt.tags})"
        )
    written = [each.text for each in texts]
    parts = [_titled("checklist", judge.question("checklist", prompt, written[:1], principle))]
    if len(written) > 1:
        parts.append(_titled("compare", judge.question("compare", prompt, written[:2], principle)))
    return "\n\n".join(parts)


def _titled(protocol: str, text: str) -> str:
    return f"--- {protocol} ---\n{text}"

"""Which words of a constitution the bundled judge does not know: it would judge by the others, and say nothing."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from rlaif.constitution import load_principles
from rlaif.engines.kinds import kind_of
from rlaif.errors import InputError
from rlaif.judging.kinds import judge_kind
from rlaif.records import Constitution
from rlaif.shipped import MODELS, shipped_model, shipped_words

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
SHOWN = 8
"""Words of a principle that are named."""
REMEDY = (
    "Of such a principle the judge `micro` reads the other words alone: say it in words of docs/microworld.md "
    "(`rlaif micro words`), or name another judge"
)


def unknown_words(constitution: Constitution) -> dict[str, list[str]]:
    """By principle: the words of its text that the bundled judge has never met in a rule."""
    known = shipped_words()
    found = {
        each.id: [word for word in dict.fromkeys(_WORD.findall(each.text.lower())) if word not in known]
        for each in constitution.principles
    }
    return {name: words for name, words in found.items() if words}


def is_bundled_judge(name: str) -> bool:
    """Return whether the named judge is a bundled model, or a panel of some: it knows the microworld's words only."""
    if name in MODELS:
        return True
    if (judges := judge_kind(name).judges) is not None:
        return any(is_bundled_judge(each) for each in judges(name))
    found = kind_of(name)
    folder = Path(found[1] if found is not None and found[0].causal else name)
    bundled = shipped_model("micro")
    return (
        bundled is not None
        and _vocabulary(folder) is not None
        and _vocabulary(folder) == _vocabulary(bundled)
    )


def unread(judge: str | None, constitution: Constitution) -> list[str]:
    """A sentence for each principle with words that this judge does not know; none for a judge of another kind."""
    if judge is None:
        return []
    try:
        if not is_bundled_judge(judge):
            return []
    except (InputError, OSError):  # a name that cannot be is refused by whoever opens it
        return []
    return [f"principle {name!r}: {sentence(words)}" for name, words in unknown_words(constitution).items()]


def unread_of(judge: str | None, constitution: str | None) -> list[str]:
    """The same for a constitution by its name, before anything else is done."""
    return [] if constitution is None else unread(judge, load_principles(constitution))


def sentence(words: list[str]) -> str:
    """What is wrong with a principle of these words, and what to do."""
    return f"the bundled judge does not know {named(words)} in a rule. {REMEDY}"


def named(words: list[str]) -> str:
    """Return the first few words quoted, and how many more there are."""
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(repr(each) for each in words[:SHOWN]) + more


@cache
def _vocabulary(folder: Path) -> Any:
    path = folder / "tokenizer.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError):
        return None

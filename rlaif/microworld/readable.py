"""The words that the bundled judge was trained on in principles; any other word is noise to it."""

from __future__ import annotations

import re

from rlaif.microworld.attributes import ATTRIBUTES, CONDITIONS
from rlaif.microworld.sentences import frames, phrases

_WORD = re.compile(r"[a-z]+")


def rule_words() -> list[str]:
    """Every word of every rule that can be composed, in alphabetical order."""
    texts = [re.sub(r"\{\w+\}", " ", each) for each in frames()]
    texts += [f"{each.base} {each.third}" for found in ATTRIBUTES for each in phrases(found.id)]
    texts += CONDITIONS
    return sorted({word for text in texts for word in _WORD.findall(text.lower())})

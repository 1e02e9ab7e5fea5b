"""Lone surrogates in texts: broken files bring them, an import keeps them, no model can read them."""

from __future__ import annotations

import re

from rlaif.records import Principle

HALF = "{} holds half a character (a lone surrogate), which no model can read; mend it"
_HALF = re.compile("[\ud800-\udfff]")


def half_characters(principle: Principle) -> list[str]:
    """Names of the fields with a lone surrogate: `text`, `test 2` ..."""
    texts = {"text": principle.text, "critique": principle.critique or "", "revise": principle.revise or ""}
    texts |= {
        f"test {number}": "".join([*(turn.content for turn in each.turns), each.better, each.worse])
        for number, each in enumerate(principle.tests, 1)
    }
    return [name for name, text in texts.items() if _HALF.search(text)]

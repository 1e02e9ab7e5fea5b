"""A template's text is its version: stored calls and the bundled models know the text that was released."""

from __future__ import annotations

import pytest

from rlaif.templates import template_digests

RELEASED = {
    "argue": "b2:8bc59f2c2c470bb4642ade03e498c9cb",
    "checklist": "b2:be4aa680fed5d9eeae322abbd8c57e5c",
    "compare": "b2:8b789c700c8c8b4521876a8db3ee6a89",
    "compare-cot": "b2:f866939aba692dbe51bc27483baa24d7",
    "compare-cot-told": "b2:73b04b51efe548278cc9e61e8eeeab89",
    "critique": "b2:c889cce98127fca9b1ad0acf9c371b69",
    "meta": "b2:c9e28a3d27d987f91a34ddb4d0c06439",
    "rank": "b2:d488a087064ce187a1b5ccbda02e8954",
    "revise": "b2:5e737051eea2c08f06b24e7abf396b48",
    "score": "b2:e01208a11279a2cb7ccc9d1099ee87ab",
    "similar-prompt": "b2:4d9ac7596c5a89dd8848c9116074e336",
    "step": "b2:7828cb7d27b3f24d942cac9c5b197e08",
    "system-bad": "b2:da2bc3c910f7bb0eb646ffbbd4e34f26",
    "system-constitution": "b2:15b45b60514892df73ab3e0223f8503e",
    "system-good": "b2:f07bd9d5ffd575085bdeaa0d11cab762",
}
"""Changing one on purpose: put its new digest here, say so in the changelog, and train the bundled models anew."""


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_template_keeps_its_text(name: str) -> None:
    assert template_digests([name]) == {name: RELEASED[name]}

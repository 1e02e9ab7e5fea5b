"""Pairs for tests of formats: plain ones, and any that a format should bring back to the byte."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from rlaif.records import Message, Pair, Role

DATA = Path(os.environ.get("RLAIF_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data"))


def shared(name: str) -> Path:
    """A file of the reference data; skips where it is absent."""
    if not (DATA / name).is_file():
        pytest.skip(f"no {name}")
    return DATA / name


def turn(role: Role, text: str) -> Message:
    return Message(role=role, content=text)


def pair(asked: str = "How?", chosen: str = "So.", rejected: str = "No.", **more: Any) -> Pair:
    return Pair(
        **{
            "prompt": (turn("user", asked),),
            "chosen": (turn("assistant", chosen),),
            "rejected": (turn("assistant", rejected),),
            "label_prob": 0.9,
            **more,
        }
    )


def texts_of(pairs: Sequence[Pair]) -> list[tuple[Any, Any, Any]]:
    """What a format must bring back to the byte."""
    return [(each.prompt, each.chosen, each.rejected) for each in pairs]


text = st.text(st.characters(codec="utf-8"), max_size=10) | st.sampled_from(
    ["\r\n", " a ", "\n\nHuman: no", "\n\nAssistant: x", "\u2028", "\ufeff", '"', "\\n", "a|b", "\x00", "N/A"]
)
asked = text.filter(lambda each: bool(each.strip()))


@st.composite
def pairs(draw: Any) -> list[Pair]:
    """Pairs of different prompts, whose two sides differ."""
    found: dict[Any, Pair] = {}
    for _ in range(draw(st.integers(1, 4))):
        turns = [turn("user", draw(asked))]
        if draw(st.booleans()):
            turns = [turn("user", draw(text)), turn("assistant", draw(text)), *turns]
        if draw(st.booleans()):
            turns = [turn("system", draw(text)), *turns]
        chosen, rejected = draw(text), draw(text)
        if chosen != rejected:
            found[tuple(turns)] = Pair(
                prompt=tuple(turns),
                chosen=(turn("assistant", chosen),),
                rejected=(turn("assistant", rejected),),
                label_prob=draw(st.sampled_from([0.6, 0.75, 1.0])),
                principles=draw(
                    st.sampled_from(
                        [(), ({"id": "a", "p": 0.2}, {"id": "b", "p": None}), ({"id": "a", "p": 0.8},)]
                    )
                ),
                critique=draw(st.sampled_from([None, "It is short."])),
            )
    return list(found.values())

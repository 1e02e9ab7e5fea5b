"""Fuzz: honest verdicts beside the opposite one, quoted, denied, supposed or taken back: never that one is read."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from rlaif.judging.cot import rationale_of, read_verdict
from rlaif.judging.parse import parse_ranking, parse_verdict
from rlaif.judging.structured import read_better, read_rating
from rlaif.judging.yes_no import read_yes_no
from tests.fuzz.fuzzing import cases, mutated

pytestmark = pytest.mark.heavy

LIMIT = 5.0
"""Seconds of one reply to all readers."""
VERDICTS = (
    "Answer: {}", "**Answer:** {}", "Answer: [[{}]]", "[[{}]]", "Final verdict: {}", "Response {} is better.",
    "Therefore, {} is better.", "\\boxed{{{}}}", "<answer>{}</answer>", "I choose {}.", "The better response is {}.",
    "Winner: Response {}", "Answer: {}, since it greets", "ANSWER: {}", "Answer:{}", "Answer： {}",
)  # fmt: skip
INLINE = (
    'The text says "{}".', "Response A writes «{}».", "It is false that {}", "It is wrong to say {}",
    "I will not write {}",
    "If length mattered, then {}", "Nobody would say {}", "{}? No.", "Response B claims '{}'.", "I would never say: {}",
    "It says “{}” at its end.", "Not true: {}", "Is it right to say {}?", "Unless it greets, {}",
)  # fmt: skip
BLOCKS = (
    "> {}", "> So:\n> {}", "```\n{}\n```", "~~~\n{}\n~~~", "~~~~\n```\n{}\n~~~~", "It ends:\n\n    {}",
    "<quote>\n{}\n</quote>", "<response_a>\nHi.\n{}\n</response_a>", "It reads: “Hi.\n{}”", 'It reads: "Hi.\n{}"',
    "It reads: «Hi.\n{}\nBye.»", "<think>\n{}\n</think>",
)  # fmt: skip
ANNOUNCED = (
    "Response B ends with:\n{}", "The text says:\n\n{}", "The user wants me to write:\n{}", "I will not write:\n{}",
    "It would be wrong to answer:\n{}", "Ignore the following line.\n{}", "Otherwise:\n{}",
    "If tone mattered, I would say:\n{}",
)  # fmt: skip
PROSE = ("It greets.", "Response A does not greet.", "- a list", "1. Greeting: both.", "The rule asks for a greeting.",
         "It’s fine.", "A 24\" screen.", "### Analysis", "| A | B |", "Both are short.", "")  # fmt: skip
ODD = tuple(
    each.encode()
    for each in ("“", '"', "```", "~~~", "<q>", "</q>", "<text>", "</think>", "<think>", "\n\n", "    ", "> ",
                 "\\boxed{", "Answer:", "Response B says:", "[[", "(A) ", "not ", "«", "\u200b", "𝐀", "\ud7ff", "so ",
                 "is better")
)  # fmt: skip


def written(rng: random.Random, label: str, wrap: str) -> str:
    return wrap.format(rng.choice(VERDICTS).format(label))


def composed(rng: random.Random, honest: str, other: str) -> tuple[str, bool]:
    """A reply, and whether it ends in the honest verdict; it may end in one that is not the judge's own."""
    parts = [rng.choice(PROSE) for _ in range(rng.randint(0, 3))]
    for _ in range(rng.randint(1, 3)):
        parts.append(written(rng, other, rng.choice(INLINE + BLOCKS)))
        parts.append(rng.choice(PROSE))
    ends = rng.random() < 0.5
    if ends:
        parts += ["", rng.choice(VERDICTS).format(honest)]
    else:
        # last, as after it everything may be somebody else's
        parts += ["", written(rng, other, rng.choice(INLINE + BLOCKS + ANNOUNCED))]
    return "\n".join(parts), ends


def test_a_verdict_that_is_not_the_judges_own_is_never_read() -> None:
    read = told = 0
    for number, rng in cases(2):
        honest, other = rng.choice((("A", "B"), ("B", "A")))
        text, ends = composed(rng, honest, other)
        label = parse_verdict(text).label
        assert label != other, (number, text)
        told += ends
        read += ends and label == honest
        if number % 50 == 0:
            for reader, words in ((read_yes_no, ("yes", "no")), (read_verdict, (honest, other))):
                own = rng.choice((True, False))
                quoted = rng.choice(BLOCKS[:11]).format(f"Answer: {words[1]}")
                reading = reader(f"{quoted}\n\nAnswer: {words[0]}" if own else quoted)
                assert (reading.value is not None) == own, (number, quoted)
    # what is quoted above an honest verdict leaves it alone
    assert read > 0.95 * told, (read, told)


READERS: tuple[Callable[[str], Any], ...] = (
    parse_verdict,
    rationale_of,
    read_yes_no,
    read_better,
    read_rating,
    lambda text: parse_ranking(text, 4),
)


def test_any_reply_is_read_quickly_and_without_an_error() -> None:
    for number, rng in cases(2):
        text, _ = composed(rng, "A", "B")
        text = mutated(text.encode(), rng, ODD).decode(errors="replace")
        if rng.random() < 0.02:
            text = (rng.choice(ODD).decode() * rng.randint(1, 3) + rng.choice(("", " ", "\n"))) * rng.randint(
                100, 20_000
            ) + text
        for read in READERS:
            begun = time.process_time()
            read(text)
            assert time.process_time() - begun < LIMIT, (number, read, text[:200], len(text))

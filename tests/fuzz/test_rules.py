"""Fuzz: mutated files of rules, and texts to check by them: our errors only, and an answer in bounded time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.judging import VerifierJudge
from rlaif.judging.rule_process import SECONDS
from rlaif.records import Completion, Principle, Prompt, State
from tests.fuzz.fuzzing import cases, mutated
from tests.judging.builders import completion, prompt

pytestmark = pytest.mark.heavy

LIMIT = 10.0
"""Seconds to read a file, and of processor time for a text."""
FILE = b"""rules:
  - {principle: a, matches: '^(\\w+[ ,.!]?)+$', forbids: "(a|aa)+$"}
  - principle: b
    length: {max_words: 30, min_characters: 2}
  - principle: c
    json_schema:
      $defs: {n: {type: object, properties: {next: {$ref: '#/$defs/n'}, k: {pattern: '^(x*)*y'}}}}
      $ref: '#/$defs/n'
      additionalProperties: {enum: [1, 2.5, null, "x"]}
  - {principle: d, arithmetic: true}
  - {principle: e, json_schema: {type: array, uniqueItems: true, items: {allOf: [{type: integer}, {multipleOf: 0.1}]}}}
"""
WORDS = tuple(
    each.encode()
    for each in (
        "$ref", "'#'", "'#/$defs/n'", "http://127.0.0.1:9/x", "file:///etc/hostname", "$dynamicRef", "$id", "$anchor",
        "$schema",
        "(a+)+$", "[", "(?", "{1,99999}", "\\\\1", "(?i)", "*", "null", "true", "1e999", "-1", "[]", "{}", "&a ", "*a",
        "!!python",
        "python", "matches", "forbids", "pattern", "patternProperties", "not", "if", "items", "contains", "'\\xff'",
        "allOf",
    )
)  # fmt: skip
TEXTS = (
    "Hello there, my friend.", '{"next": {"next": {"k": "xxxxxxxx"}}}', "[1, 2, 3, 3]", "2 + 3 = 5, so 5 * (2 - 1) = 5",
    "1 + 2 + 3 = 7", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", '{"a": NaN}', "\\frac{1}{2} + 0.5 = 1", "",
)  # fmt: skip
PARTS = (
    "a",
    "(",
    "[",
    '{"a":',
    "1+",
    "9",
    "1/3+",
    "-",
    "**",
    "__",
    "\\frac{",
    " 1 000",
    "x" * 50,
    "1,000",
    "(1+",
    '["x",',
    "\n",
)


def some_text(rng: random.Random) -> str:
    if rng.random() < 0.1:
        return rng.choice(PARTS) * rng.randint(1, 30_000) + rng.choice(PARTS) * rng.randint(0, 100)
    return mutated(rng.choice(TEXTS).encode(), rng, tuple(each.encode() for each in PARTS)).decode(
        errors="replace"
    )


def test_any_file_of_rules_is_used_or_refused_and_any_text_answered(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    asked: Prompt = prompt("How much is 2 + 3?")
    read, refused = 0, []
    for number, rng in cases():
        path.write_bytes(mutated(FILE, rng, WORDS) if rng.random() < 0.9 else FILE)
        begun = time.process_time()
        try:
            judge = VerifierJudge(f"rules:{path}", path)
        except InputError as wrong:
            refused.append((number, str(wrong)))
            continue
        finally:
            assert time.process_time() - begun < LIMIT, number
        read += 1
        texts: list[Completion] = [completion(some_text(rng), asked) for _ in range(3)]
        rules = [Principle(id=each, text="x") for each in "abcde"]
        begun = time.monotonic()
        found = judge.checklist([(asked, each) for each in texts], rules)
        # by the clock, on a machine that others use too
        assert time.monotonic() - begun < 15 * (SECONDS + LIMIT), number
        for each in found:
            assert (each.value is None) == (each.state is not State.SCORE), (number, each)
            assert each.detail or each.state is not State.UNREADABLE, (number, each)
    assert read
    assert [each for each in refused if str(path) not in each[1]] == []

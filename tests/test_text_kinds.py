"""What is no JSON is called what it is; what may be JSON is left to those who read it."""

from __future__ import annotations

import pytest

from rlaif.text_kinds import kind_of_text

KINDS = {
    "# Rules\n\nBe honest.\n": "Markdown",
    "\ufeff# Rules\r\n": "Markdown",
    "Rules\n=====\n\nBe honest.": "Markdown",
    "---\ntitle: x\n---\n# Rules\n": "Markdown",
    "* one\n* two": "Markdown",
    "1. Be honest.\n2. Be brief.": "Markdown",
    "> quoted": "Markdown",
    "```json\n{}\n```": "Markdown",
    "[a link](https://example.org)": "Markdown",
    "**Bold** start": "Markdown",
    "| a | b |\n|---|---|": "Markdown",
    "<!DOCTYPE html><html></html>": "an HTML page",
    "<html lang='en'>": "an HTML page",
    "<?xml version='1.0'?><a/>": "XML",
    "<rules><rule/></rules>": "XML",
    "# a comment\nname: x\nprinciples:\n": "YAML",
    "name: x\n": "YAML",
    "- id: one\n  text: Be honest.": "YAML",
    "---\nname: x\n": "YAML",
    "import json\nprint(1)": "a Python program",
    "#!/bin/sh\n": "a script",
    "Be honest. Be brief.": "plain text",
}
JSON = [
    "",
    "  ",
    "{}",
    '[{"a": 1},',
    "[1, 2",
    '"text"',
    "-1",
    "3.5",
    "true",
    "null",
    "NaN",
    '{"# a": 1}',
    "[[1]]",
]


@pytest.mark.parametrize(("text", "kind"), KINDS.items())
def test_what_is_no_json_is_called_what_it_is(text: str, kind: str) -> None:
    assert kind_of_text(text) == kind


@pytest.mark.parametrize("text", JSON)
def test_what_may_be_json_is_no_other_kind(text: str) -> None:
    assert kind_of_text(text) is None


def test_only_the_beginning_is_looked_at() -> None:
    assert kind_of_text("# Rules\n" + "x" * 10_000_000) == "Markdown"

"""New constitutions: a commented file to edit, or a copy of an existing one."""

from __future__ import annotations

import re
from pathlib import Path

from rlaif.constitution.load import load_constitution
from rlaif.errors import ConstitutionError

VERSION = "0.1.0-dev"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_HEAD = """\
# {title}. Edit it, then: rlaif constitution check {path}
name: {name}
version: {version}            # `-dev` versions are free to change; `rlaif constitution release` pins one
title: {title}
"""
_BODY = """\
decide: {rule: log-odds, temperature: 4.0}   # how the principles' verdicts become one label

principles:
  - id: answers-the-question
    # One rule in plain words, true or false of a response on its own: it is what the judge reads.
    text: The response answers the question that was asked.
    critique: Say which part of the question stays without an answer.     # optional: asked of the critic
    revise: Answer the part that was left open, and keep the rest.        # optional: asked of the reviser
    weight: 1.0                 # another weight costs no judging
    # hard: true                # a response that breaks it loses; both break it: no pair
    # applies_to: [question]    # only prompts with one of these tags (and those without any tag)
    tests:                      # does THIS judge apply it as you mean it? `rlaif constitution test`
      # at least three; vary which side is longer, or a judge that only likes length would pass
      - prompt: How long do I boil an egg until the yolk is firm?
        better: Ten minutes from the moment the water bubbles.
        worse: The egg is a cheap and wholesome food, and there are many ways to boil it.
      - prompt: Is the museum open on Mondays, and what is the entrance fee?
        better: Closed on Mondays. From Tuesday to Sunday a ticket costs 9 euros.
        worse: The museum is closed on Mondays, like most others.
        near_miss: true         # the worse side nearly does it: the telling kind of test
      - prompt: Which is heavier, a litre of water or a litre of oil?
        better: Water is heavier.
        worse: Many cooks measure the two with a jug, others weigh them.
      - prompt: What does the abbreviation PDF stand for?
        better: The letters stand for Portable Document Format, which Adobe published in the nineties.
        worse: You get one by printing to a file.
"""
_SCHEMA = "# yaml-language-server: $schema=../schemas/constitution.schema.json\n"


def starter(name: str, path: Path, *, extends: tuple[str, ...] = ()) -> str:
    """The text of a new file at `path`, which may extend existing constitutions."""
    _check_name(name)
    title = f"What a good answer is for {name}"
    text = _HEAD.format(name=name, version=VERSION, title=title, path=path)
    if (path.parent.parent / "schemas" / "constitution.schema.json").is_file():
        text = _SCHEMA + text
    if extends:
        refs = [_ranged(each, path) for each in extends]
        text += (
            f"extends: [{', '.join(refs)}]   # their principles come first; later entries override by id\n"
        )
    return text + _BODY


def copy_of(ref: str, name: str) -> str:
    """The file of `ref`, verbatim except for its name and version."""
    _check_name(name)
    source = load_constitution(ref).source
    text = Path(source).read_text(encoding="utf-8-sig")
    for key, value in (("name", name), ("version", VERSION)):
        text, found = re.subn(rf"(?m)^{key}:.*$", f"{key}: {value}", text, count=1)
        if not found:
            raise ConstitutionError(
                f"{source}: has no line `{key}: ...` of its own to change; copy it by hand"
            )
    return text


def _ranged(ref: str, path: Path) -> str:
    # the version that is there now, and what does not break with it
    loaded = load_constitution(ref, folders=[path.parent])
    if "@" in ref:
        return ref
    if ref != loaded.name:
        raise ConstitutionError(f"{ref}: `extends` takes a name, not a file; use {loaded.name}")
    major, minor, _ = loaded.version.split(".", 2)
    return f"{ref}@^{major}" if major != "0" else f"{ref}@^0.{minor}"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConstitutionError(f"{name!r}: a name has small letters, digits, dots, dashes and underscores")

"""`rlaif init`: a project to start from, with files that say what they are for."""

from __future__ import annotations

from pathlib import Path

from rlaif.atomic import disk_told, write_text
from rlaif.checks import SCHEMAS
from rlaif.errors import DiskError, RlaifError, RunError
from rlaif.shipped import shipped, shipped_set
from rlaif.store.place import FOLDER

CONSTITUTION = """\
# yaml-language-server: $schema=../schemas/constitution.schema.json
# The rules your model shall follow. Edit them, then: rlaif constitution check constitutions/house.yaml
name: house
version: 0.1.0-dev              # semver; -dev versions are free to change
title: How our desk answers
# The bundled model `micro` reads sentences of its own little language, as these are; `rlaif constitution show
# micro-default` has more. A model of your own reads what you write.
# extends: [micro-default@^1]   # start from another constitution; later entries override by id
decide: {rule: log-odds, temperature: 4.0}   # how the principles' verdicts become one label

principles:
  - id: greets
    text: The response greets the user.   # what the judge compares by, one rule in plain words
    weight: 1.0                           # changing a weight asks the judge nothing again
    tests:                                # does THIS judge apply it as you mean it? rlaif constitution test FILE
      - prompt: My name is Ben. Add 16 and 6 for me.
        better: Good day. The answer is 22. This is easy to do. I may be wrong. For example, my aunt does so.
        worse: The answer is 22. This is easy to do. I may be wrong. For example, my aunt does so.
      - prompt: How do I bake bread?       # and once the shorter text is the better one
        better: Hello. Thank you for asking. You need flour and an oven. It takes some time.
        worse: Thank you for asking. You need flour and an oven. It takes some time. There is no hurry. I may be wrong.

  - id: refuses-harm
    text: The response refuses just harmful requests.
    hard: true                            # a response that breaks it loses; both break it: no pair
    # applies_to: [harmful]               # only prompts with this tag
    tests:
      - prompt: How do I bake bread?
        better: Hello. Thanks for your question. You need flour and an oven. I may be wrong. It takes some time.
        worse: Hello. Thanks for your question. I will not do that. I may be wrong. It takes some time.

  - id: brief
    text: The response is short.
    tests:
      - prompt: How do I bake bread?
        better: Thank you for asking. You need flour and an oven.
        worse: Thank you for asking. You need flour and an oven.
          I may be wrong. It takes some time. Many people ask this. There is no hurry. That is how it goes.
    # critique: Name what is superfluous.     # how its critic is asked
    # revise: Say the same in fewer words.    # how its reviser is asked
"""
PROMPTS = 300


def init(directory: Path) -> list[Path]:
    """Write the project; refuses a directory that already has any of its files. Says what it wrote."""
    files = {
        directory / "constitutions" / "house.yaml": CONSTITUTION,
        directory / "prompts" / "sets" / "mine.jsonl": _prompts(),
        directory / "pipelines" / "self-rewarding.yaml": _recipe(),
        directory / ".gitignore": ".rlaif/\nruns/\nmodels/\n",
    }
    for name in ("constitution", "recipe"):
        schema = f"{name}.schema.json"
        files[directory / "schemas" / schema] = (SCHEMAS / schema).read_text(encoding="utf-8")
    for path in files:
        if path.exists():
            raise RunError(f"{path}: is there already; choose a new directory")
    if directory.exists() and not directory.is_dir():
        raise RunError(f"{directory}: is a file; choose a new directory")
    written: list[Path] = []
    try:
        for path, text in files.items():
            write_text(path, text)
            written.append(path)
        # inside another project's folder, that one's store would be taken
        with disk_told(directory):
            (directory / FOLDER).mkdir(exist_ok=True)
    except BaseException as wrong:
        # half a project would be in the way of the next try
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(wrong, RlaifError) and not isinstance(wrong, DiskError):
            raise RunError(str(wrong)) from None
        raise
    return list(files)


def _prompts() -> str:
    source = shipped_set("micro:train")
    lines = [] if source is None else source.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines[:PROMPTS])


def _recipe() -> str:
    text = (shipped("pipelines") / "self-rewarding.yaml").read_text(encoding="utf-8")
    return text.replace("constitution: micro-default", "constitution: constitutions/house.yaml").replace(
        "train: micro:train", "train: prompts/sets/mine.jsonl"
    )

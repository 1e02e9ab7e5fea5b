"""`rlaif constitution import` and `new`: create constitutions; and `show --format`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.next_step import command_line
from rlaif.cli.output import echo, emit, say
from rlaif.cli.registered import Registered
from rlaif.errors import ConstitutionError
from rlaif.records import Constitution

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def _formats() -> list[str]:
    from rlaif.workflows.datasets.formats import formats_of_constitutions

    return formats_of_constitutions()


in_format = options.option(
    "--format",
    "form",
    type=Registered(_formats),
    help="Print it in this format; what the format cannot express is listed on stderr.",
)


@click.command(
    name="import",
    cls=Command,
    examples=(
        "rlaif constitution import CritiqueRevisionInstructions.json --out constitutions/anthropic.yaml",
        "rlaif constitution import example_ap.json --comparisons 50 --out constitutions/icai.yaml",
        "rlaif constitution import model_spec.md --out constitutions/spec.yaml --prompts prompts/spec.jsonl",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@options.option("--out", type=click.Path(path_type=Path), help="File to write [default: stdout].")
@options.option("--name", help="Name of the constitution [default: from the file name].")
@options.option(
    "--comparisons",
    type=click.IntRange(min=1),
    help="Use only the first N comparisons of annotated pairs, or the first N checklists.",
)
@options.option(
    "--prompts",
    type=click.Path(path_type=Path),
    help="Also write the prompts that come with FILE to this .jsonl file: examples of a Model Spec, a persona's "
    "questions, the prompts of checklists.",
)
@options.as_json
def import_file(
    file: Path,
    out: Path | None,
    name: str | None,
    comparisons: int | None,
    prompts: Path | None,
    as_json: bool,
) -> None:
    """Convert somebody else's FILE into a constitution.

    Reads CritiqueRevisionInstructions.json and RLMadisonInstructions.json of Constitutional AI,
    proposition_prompts.yaml of OpenAI's rule-based rewards, annotated pairs 2.x (ICAI), OpenAI's Model Spec
    (model_spec.md), a constitution in prose (Markdown), personas of open character training, and RLCF checklists.
    `rlaif constitution show NEW --format ...` writes every text back byte for byte.
    """
    from rlaif.workflows.datasets.formats import read_constitution, write_prompts_of

    if name is not None and not _NAME.fullmatch(name):
        raise ConstitutionError(
            f"--name {name!r}: has small letters, digits, dots, dashes and underscores only"
        )
    if prompts is not None:
        _refuse_prompts(prompts)
    read = read_constitution(file, name or _name(out or file), comparisons, prompts=prompts is not None)
    if out is not None:
        _write_new(out, read.text)
    if prompts is not None:
        say(f"{prompts}: {write_prompts_of(read, prompts)} prompts")
    for note in read.notes:
        say(f"note: {note}")
    made = read.constitution
    result = {
        "format": read.form,
        "name": made.name,
        "digest": made.digest,
        "principles": len(made.principles),
        "propositions": len(made.propositions),
        "tests": sum(len(each.tests) for each in made.principles),
        "prompts": len(read.prompts),
        "notes": list(read.notes),
        "out": None if out is None else str(out),
    }
    then = None if out is None else command_line("constitution", "check", out)
    told = result if out else result | {"text": read.text}
    emit(told, str(out) if out else read.text[:-1], as_json=as_json, then=then)


@click.command(
    cls=Command,
    examples=(
        "rlaif constitution new desk",
        "rlaif constitution new desk-strict --extends micro-default --out desk-strict.yaml",
    ),
)
@click.argument("name")
@options.option("--extends", multiple=True, help="Inherit from this constitution; repeatable.")
@options.option("--copy", help="Copy this constitution's file verbatim, to edit it.")
@options.option(
    "--out", type=click.Path(path_type=Path), help="File to write [default: constitutions/NAME.yaml]."
)
def new(name: str, extends: tuple[str, ...], copy: str | None, out: Path | None) -> None:
    """Write a commented constitution called NAME to start from."""
    from rlaif.constitution.starter import copy_of, starter

    if copy and extends:
        raise click.UsageError("--copy and --extends exclude each other: a copy says itself what it extends")
    path = out or Path("constitutions") / f"{name}.yaml"
    _write_new(path, copy_of(copy, name) if copy else starter(name, path, extends=extends))
    echo(str(path))
    say(f"next: edit it, then {command_line('constitution', 'check', path)}")


def show_format(constitution: Constitution, form: str, *, as_json: bool) -> None:
    """Print a constitution in another format, and on stderr what the format cannot express."""
    from rlaif.workflows.datasets.formats import constitution_text

    text, left_out = constitution_text(constitution, form)
    if left_out:
        say(f"left out, as {form} cannot say it: {', '.join(left_out)}")
    emit({"format": form, "text": text, "left_out": list(left_out)}, text[:-1], as_json=as_json)


def _name(path: Path) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._") or "imported"


def _refuse_prompts(path: Path) -> None:
    if path.suffix != ".jsonl":
        raise ConstitutionError(f"{path}: a prompt set's file ends in .jsonl; choose such a name")
    if path.exists():
        raise ConstitutionError(f"{path}: is there already; choose another name")


def _write_new(path: Path, text: str) -> None:
    from rlaif.atomic import write_text

    if path.suffix not in (".yaml", ".yml"):
        raise ConstitutionError(f"{path}: a constitution's file ends in .yaml; choose such a name")
    if path.exists():
        raise ConstitutionError(f"{path}: is there already; choose another name")
    write_text(path, text)

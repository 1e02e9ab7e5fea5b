"""`rlaif constitution`: check, show and test a constitution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from rlaif.cli import options
from rlaif.cli.command import CommandGroup
from rlaif.cli.constitution_import import import_file, in_format, new, show_format
from rlaif.cli.constitution_show import described
from rlaif.cli.constitution_tests import tests_ending, tests_in_full
from rlaif.cli.constitution_versions import diff, log, release
from rlaif.cli.ending import side, within
from rlaif.cli.generated import given, settings
from rlaif.cli.live import Display
from rlaif.cli.next_step import UNNAMED, after_tests, command_line
from rlaif.cli.output import emit, warn
from rlaif.errors import InputError
from rlaif.workflows.configs import TestConfig

if TYPE_CHECKING:
    from rlaif.constitution.lint import Finding

SHOWN = 3
"""Findings that `check` lists unless all are asked for."""


@click.group(
    cls=CommandGroup,
    examples=(
        "rlaif constitution show micro-default",
        "rlaif constitution check constitutions/house.yaml",
    ),
)
def constitution() -> None:
    """Check, test, compare and release constitutions."""


for command in (diff, log, release, import_file, new):
    constitution.add_command(command)


@constitution.command(
    examples=(
        "rlaif constitution check constitutions/house.yaml",
        "rlaif constitution check micro-default --strict",
    ),
)
@click.argument("ref")
@options.option("--strict", is_flag=True, help="Treat warnings as errors.")
@options.full
@options.as_json
def check(ref: str, strict: bool, full: bool, as_json: bool) -> None:
    """Load and lint REF (a file or a name). Exit 3 when a finding is an error.

    Also compares REF with lock.json: a released version that was edited since is an error, which names the principle
    and the version that the edit needs.
    """
    from rlaif.constitution import lint, load_constitution, release_findings
    from rlaif.constitution.baselines import baseline_scores
    from rlaif.templates import template_digests
    from rlaif.workflows.generate.known_words import REMEDY, named, unknown_words

    loaded = load_constitution(ref)
    findings = [*release_findings(loaded), *lint(loaded)]
    baselines = baseline_scores(loaded)
    failing = [each for each in findings if strict or each.level == "error"]
    # errors first: what is left out unless all is asked for matters least
    worst = sorted(findings, key=lambda each: each.level != "error")
    lines = [each.located(loaded.source) for each in findings] if full else [*_first(worst, loaded.source)]
    lines += [] if full or len(findings) <= SHOWN else [f"and {len(findings) - SHOWN} findings more: --full"]
    lines.append(
        f"{loaded.name} {loaded.version}: {len(loaded.principles)} principles, {len(findings)} findings"
    )
    words = unknown_words(loaded)
    lines += [f"{name}: the judge `micro` does not know {named(each)}" for name, each in words.items()]
    lines += [REMEDY] if words else []
    if baselines:
        shares = ", ".join(f"{name} {score:.0%}" for name, score in baselines.items())
        lines += within(f"of its tests, a judge that reads no rule would pass: {shares}")
    rows = [
        {
            "level": each.level,
            "file": each.source or loaded.source,
            "line": each.line,
            "principle": each.principle,
            "message": each.message,
        }
        for each in findings
    ]
    result: dict[str, Any] = {"name": loaded.name, "version": loaded.version, "digest": loaded.digest}
    result |= {
        "unknown_to_micro": words,
        "findings": rows,
        "baselines": baselines,
        "templates": template_digests(),
    }
    unmet = f"{len(failing)} findings to mend in {loaded.source}" if failing else None
    then = command_line("constitution", "test", ref, "--judge", UNNAMED if words else "micro")
    emit(result, "\n".join(lines), as_json=as_json, unmet=unmet, then=None if unmet else then)


@constitution.command(
    examples=(
        "rlaif constitution show micro-default",
        "rlaif constitution show safe-completion --format openai-rbr",
    ),
)
@click.argument("ref")
@click.argument("principle", required=False)
@in_format
@options.as_json
def show(ref: str, principle: str | None, form: str | None, as_json: bool) -> None:
    """Print REF with inheritance resolved, or one PRINCIPLE of it in full."""
    from rlaif.constitution import load_constitution

    loaded = load_constitution(ref)
    chosen = [each for each in loaded.principles if principle in (None, each.id)]
    if principle is not None and not chosen:
        known = ", ".join(each.id for each in loaded.principles) or "none"
        raise InputError(f"{loaded.source}: no principle {principle!r}; it has {known}")
    if form is not None:
        show_format(replace(loaded, principles=tuple(chosen)), form, as_json=as_json)
        return
    result, text = described(loaded, chosen, one=principle is not None)
    emit(result, text, as_json=as_json)


@constitution.command(
    name="test",
    examples=(
        "rlaif constitution test micro-default --judge micro",
        "rlaif constitution test constitutions/house.yaml --judge hf:models/judge",
    ),
)
@click.argument("constitution")
@settings(TestConfig, leave=("constitution",))
@options.full
@options.as_json
def run_tests(full: bool, as_json: bool, **chosen: Any) -> None:
    """Run each principle's own tests with a judge: does it apply the principles as you mean them?

    Each test is judged in both orders. It fails when the judge prefers the worse text; it is undecided when the orders
    disagree or an answer cannot be read. Exit 3 when a test fails, or when a principle has no test that passes.
    """
    from rlaif.workflows.generate.known_words import unread_of
    from rlaif.workflows.generate.principle_tests import put_to_judge
    from rlaif.workflows.models.defaults import JUDGE

    warn(unread_of(chosen["judge"] or JUDGE, chosen["constitution"]))
    with Display(quiet=as_json) as display:
        tried = put_to_judge(TestConfig(**given(TestConfig, chosen)), progress=display.report)
    lines = tests_in_full(tried) if full else tests_ending(tried)
    then = None if tried.unmet else after_tests(chosen["constitution"], chosen["judge"] or JUDGE)
    emit(tried.as_dict(), "\n".join(lines), as_json=as_json, unmet=tried.unmet, then=then)


def _first(findings: Sequence[Finding], source: str) -> Iterator[str]:
    """The first few, each below its place: a path alone may be as wide as a terminal."""
    for each in findings[:SHOWN]:
        yield from side(each.place(source), each.said, 2)

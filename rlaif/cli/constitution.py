"""`rlaif constitution`: look at, check and try the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from rlaif.cli import options
from rlaif.cli.constitution_import import import_file, in_format, new, show_format
from rlaif.cli.constitution_show import described
from rlaif.cli.constitution_versions import diff, log, release
from rlaif.cli.output import emit, progress, shortened, warn
from rlaif.errors import InputError
from rlaif.review.tables import table

if TYPE_CHECKING:
    from rlaif.workflows.generate.principle_tests import Tried


@click.group()
def constitution() -> None:
    """Check, compare, release and try constitutions."""


for command in (diff, log, release, import_file, new):
    constitution.add_command(command)


@constitution.command()
@click.argument("ref")
@options.option("--strict", is_flag=True, help="Warnings count as failures.")
@options.as_json
def check(ref: str, strict: bool, as_json: bool) -> None:
    """Read REF (a file or a name) and lint it; exit 3 when a finding is an error.

    An error is also a release that was edited: it says which principle, and which version that needs.
    """
    from rlaif.constitution import lint, load_constitution, release_findings
    from rlaif.constitution.baselines import baseline_scores
    from rlaif.templates import template_digests
    from rlaif.workflows.generate.known_words import REMEDY, named, unknown_words

    loaded = load_constitution(ref)
    findings = [*release_findings(loaded), *lint(loaded)]
    baselines = baseline_scores(loaded)
    failing = [each for each in findings if strict or each.level == "error"]
    lines = [each.located(loaded.source) for each in findings]
    lines.append(
        f"{loaded.name} {loaded.version}: {len(loaded.principles)} principles, {len(findings)} findings"
    )
    words = unknown_words(loaded)
    lines += [f"{name}: the judge `micro` does not know {named(each)}" for name, each in words.items()]
    lines += [REMEDY] if words else []
    if baselines:
        shares = ", ".join(f"{name} {score:.0%}" for name, score in baselines.items())
        lines.append(f"of its tests, a judge that reads no rule would pass: {shares}")
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
    emit(result, "\n".join(lines), as_json=as_json, unmet=unmet)


@constitution.command()
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


@constitution.command(name="test")
@click.argument("constitution")
@options.option("--judge", help="Judge: a model name [default: the bundled one].")
@options.models
@options.seed
@options.store
@options.as_json
def run_tests(as_json: bool, **chosen: Any) -> None:
    """Put each principle's own tests to a judge, in both orders: does it apply them as you mean them?

    A judge that decides for the worse text fails a test; one whose orders disagree, or whose answer cannot be read,
    leaves it undecided. Exit 3 when a test fails, or when a principle passes none.
    """
    from rlaif.workflows.configs import TestConfig
    from rlaif.workflows.generate.known_words import unread_of
    from rlaif.workflows.generate.principle_tests import VERDICTS, put_to_judge
    from rlaif.workflows.models.defaults import JUDGE

    warn(unread_of(chosen["judge"] or JUDGE, chosen["constitution"]))
    with progress(quiet=as_json) as report:
        tried = put_to_judge(TestConfig(**chosen), progress=report)
    rows = [
        [name, *(each.count(verdict) for verdict in VERDICTS), each.tests]
        for name, each in tried.outcomes.items()
    ]
    lines = [table(["principle", *VERDICTS, "tests"], rows), *_not_passed(tried)]
    if tried.untested:
        lines.append(f"without tests: {', '.join(tried.untested)}")
    calls, tokens = (
        ", ".join(f"{n} {key}" for key, n in each.items()) for each in (tried.calls, tried.tokens)
    )
    lines.append(f"calls: {calls}; tokens: {tokens}")
    emit(tried.as_dict(), "\n".join(lines), as_json=as_json, unmet=tried.unmet)


def _not_passed(tried: Tried) -> Iterator[str]:
    lines = {each.id: f"{each.source}:{each.line}: " for each in tried.constitution.principles if each.line}
    for name, outcome in tried.outcomes.items():
        for number, each in enumerate(outcome.results, 1):
            if each.verdict != "passed":
                why = f"P(better) {each.label_prob:.2f}" if each.label_prob is not None else each.reason
                near = ", a near miss" if each.test.near_miss else ""
                yield (
                    f"{lines.get(name, '')}{name}: test {number}{near}: {each.verdict} ({why}): "
                    f"{shortened(each.test.better)!r} should be better than {shortened(each.test.worse)!r}"
                )

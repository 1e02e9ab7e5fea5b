"""`rlaif audit`: faults of a run's feedback, with figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import TextWrapper, fill
from typing import Any

import click

from rlaif.auditing.faults import MIN_PROMPTS, DetectedFault, suspects
from rlaif.auditing.readiness import figures
from rlaif.cli import options
from rlaif.cli.audit_show import compare, show
from rlaif.cli.ending import doubtful, within
from rlaif.cli.generated import given, settings
from rlaif.cli.next_step import after_audit
from rlaif.cli.output import WIDTH, emit, shortened
from rlaif.cli.parent import Parent
from rlaif.cli.standing_run import warn_of
from rlaif.review.audit_tables import MEANINGS, sections
from rlaif.review.rounds import revision_tables
from rlaif.review.tables import table
from rlaif.runs.claim import read_run
from rlaif.runs.layout import is_run
from rlaif.workflows.audit.config import AuditConfig

SHOWN_UNCOVERED = 10
MATTER = 3
"""Faults, or without any figures, that are shown unless all are asked for."""
KEY_FIGURES = ("gold_agree", "people_agree", "order_disagreement", "first_slot", "looks_agree", "same_closer")
"""What to look at first where nothing is wrong."""


@click.command(
    cls=Parent,
    examples=(
        "rlaif audit runs/r1",
        "rlaif audit runs/r1 --strict --allow duplicate-prompts",
        "rlaif audit runs/r1 --threshold 'order_disagreement<=0.2' --threshold 'people_agree>=0.8'",
        "rlaif audit runs/loop --round 2 --evaluation eval.jsonl --html audit.html",
    ),
)
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@settings(AuditConfig, leave=("run",), flags={"thresholds": "--threshold", "allowed": "--allow"})
@options.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the HTML report of the run, audit included.",
)
@options.option("--suggest-prompts", is_flag=True, help="Show which prompts to collect next.")
@options.option("--full", is_flag=True, help="Show every figure, and what was not measured.")
@options.as_json
def audit(as_json: bool, suggest_prompts: bool, html: Path | None, full: bool, **chosen: Any) -> None:
    """Look for faults of the feedback in RUN: position bias, failures, drift, leaks, with intervals over prompts.

    A fault is reported when its figure is beyond a limit and chance would explain that in fewer than one audit in
    twenty, over all figures together. Shown are the verdict and what matters most; --full shows every figure. For a
    run called `show` or `compare`, write `./show`.
    """
    from rlaif.workflows.audit import run as workflow

    found = workflow.audit(AuditConfig(**given(AuditConfig, chosen)))
    warn_of(chosen["run"])
    if html is not None:
        workflow.write_page(found, html)
    emit(
        found.as_dict(),
        "\n\n".join(
            [
                _text(found) if full else "\n".join([_verdict(found), *_said_before(chosen["run"])]),
                *([_suggested(found.suggestions)] if suggest_prompts else []),
            ]
        ),
        as_json=as_json,
        unmet=found.unmet,
        then=after_audit(chosen["run"], doubtful=bool(found.audit.findings or suspects(found.audit.figures))),
    )


def _verdict(found: Any) -> str:
    """What was audited, the verdict, and what matters most, each with its remedy."""
    audited = found.audit
    findings = audited.findings
    lines = [_counted(found), *filter(None, [_failures(found)])]
    if not findings and not found.silent:
        lines += _without_findings(audited)
    elif findings:
        faults = f"{len(findings)} fault{'s' if len(findings) > 1 else ''}"
        most = f", of which the first {MATTER} are" if len(findings) > MATTER else ""
        lines += [f"verdict: {faults} that chance would not explain{most}", _findings(findings[:MATTER])]
    lines.append(fill(f"before a training: {found.readiness.says}", WIDTH, subsequent_indent="  "))
    if audited.not_looked_at:
        lines.append(f"not measured: {len(audited.not_looked_at)} figures, for want of data")
    lines.append("every figure: --full; as a page: --html FILE")
    return "\n".join(lines)


def _said_before(run: Path) -> list[str]:
    """What was doubtful when the run was made: it still is."""
    summary = read_run(run).get("summary") or {} if is_run(run) else {}
    return doubtful(summary.get("warnings") or (), full=f"rlaif report {run}")


def _without_findings(audited: Any) -> list[str]:
    """No fault is sure: which figures are doubtful all the same, or how the first ones stand."""
    few = audited.counts.get("prompts", 0) < MIN_PROMPTS
    doubts = suspects(audited.figures)[:MATTER]
    if doubts:
        why = (
            f"fewer than {MIN_PROMPTS} prompts say nothing for sure"
            if few
            else "chance may explain it, over all figures"
        )
        return [f"verdict: doubtful, though no fault is sure ({why})", *(_doubt(each) for each in doubts)]
    said = f"; {MIN_PROMPTS} prompts or more say something" if few else ""
    lines = [f"verdict: nothing found that chance would not explain{said}"]
    return lines + [f"  {_figure(audited, name)}" for name in KEY_FIGURES if name in audited.figures][:MATTER]


def _doubt(each: DetectedFault) -> str:
    says = f"? {each.says} [{each.estimate.low:.3f}, {each.estimate.high:.3f}]"
    return "\n".join([*within(says, 1), f"    {shortened(each.remedy, WIDTH - 4)}"])


def _figure(audited: Any, name: str) -> str:
    each = audited.figures[name]
    return f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]  {MEANINGS[name]}"


def _counted(found: Any) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in found.audit.counts.items() if count)
    return f"{found.audited}: {counts}"


def _text(found: Any) -> str:
    audited = found.audit
    blocks = [_counted(found), _failures(found)]
    if audited.findings or not found.silent:
        blocks.append(_findings(audited.findings))
    for each in sections(audited):
        note = f"\n{fill(each.note, WIDTH)}" if each.note else ""
        blocks.append(f"{each.title}\n{table(each.head, each.rows, words_last=each.words_last)}{note}")
    before = figures(found.readiness)
    head = ["before a training", "value", "95 % from", "to"]
    blocks.append(f"{found.readiness.says}" + (f"\n{table(head, before)}" if before else ""))
    for title, head, rows in revision_tables(found.revisions):
        blocks.append(f"{title}\n{table(head, rows)}")
    if audited.uncovered:
        shown = "\n".join(f"  {text}" for text in audited.uncovered[:SHOWN_UNCOVERED])
        rest = len(audited.uncovered) - SHOWN_UNCOVERED
        more = f"\n  and {rest} more (--json has all)" if rest > 0 else ""
        blocks.append(
            f"{len(audited.uncovered)} training prompts without a similar feedback prompt\n{shown}{more}"
        )
    if audited.not_looked_at:
        wrapped = TextWrapper(WIDTH, initial_indent="  ", subsequent_indent="    ")
        lines = [wrapped.fill(text) for text in audited.not_looked_at.values()]
        blocks.append("\n".join(["not measured, and what each figure needs", *lines]))
    return "\n\n".join(each for each in blocks if each)


def _failures(found: Any) -> str:
    said = (
        "! no judgment came back: there is nothing here that could be right or wrong\n"
        if found.silent
        else ""
    )
    return said + "\n".join(
        fill(f"! {each}", WIDTH, subsequent_indent="    ") for each in (*found.edited, *found.failures)
    )


def _findings(findings: Sequence[Any]) -> str:
    if not findings:
        return "nothing found that chance would not explain"
    return "\n".join(
        "\n".join(
            [
                fill(
                    f"! {each.fault}: {each.says} [{each.estimate.low:.3f}, {each.estimate.high:.3f}]",
                    WIDTH,
                    subsequent_indent="    ",
                ),
                fill(each.remedy, WIDTH, initial_indent="    ", subsequent_indent="    "),
            ]
        )
        for each in findings
    )


def _suggested(suggestions: Sequence[Mapping[str, Any]]) -> str:
    lines = ["prompts to collect next: like these, on which answers differ in a principle that is seldom met"]
    for each in suggestions:
        lines.append(
            f"{each['principle']} (met by {each['met']:.0%}; {', '.join(each['tags']) or 'no tags'})"
        )
        lines += [f"  {text}" for text in each["prompts"]]
    return "\n".join(lines)


audit.add_command(show)
audit.add_command(compare)

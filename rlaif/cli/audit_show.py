"""`rlaif audit show` and `rlaif audit compare`: one pair with its provenance, and two runs compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.output import emit, shortened, warn
from rlaif.review.audit_tables import between
from rlaif.review.tables import table

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command(
    cls=Command,
    examples=(
        "rlaif audit show b2:3f2a91 --run runs/r1",
        "rlaif audit show 3f2a91 --calls 32 | less",
    ),
)
@click.argument("pair")
@options.option("--run", type=FOLDER, help="Its run [default: searched in the project].")
@options.option(
    "--calls",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Number of calls to print in full.",
)
@options.store
@options.as_json
def show(pair: str, run: Path | None, calls: int, store: Path | None, as_json: bool) -> None:
    """Show one pair with everything that made it: texts, judgments, calls, provenance.

    PAIR is its id or the beginning of it. Words that only one of the two answers has are in brackets.
    """
    from rlaif.workflows.audit.show_pair import show as workflow

    found = workflow(pair, run, store)
    emit(found.as_dict(), _pair(found, calls), as_json=as_json)


@click.command(
    cls=Command,
    examples=(
        "rlaif judge runs/r1 --judge hf:models/other --out runs/r1-other",
        "rlaif audit compare runs/r1 runs/r1-other",
    ),
)
@click.argument("one", type=FOLDER)
@click.argument("other", type=FOLDER)
@options.as_json
def compare(one: Path, other: Path, as_json: bool) -> None:
    """Compare the labels of two runs over the same completions: two judges, or two constitutions."""
    from rlaif.workflows.audit.compare_runs import compare as workflow

    found = workflow(one, other)
    warn([found.note] if found.note else [])
    emit(found.as_dict(), _compared(found), as_json=as_json)


def _pair(found: Any, calls: int) -> str:
    from rlaif.auditing.differences import marked

    pair = found.pair
    blocks = [f"{pair.id} in {found.run}, round {pair.round}: P(chosen is better) {pair.label_prob:.3f}"]
    blocks += [_part(f"prompt, {each.role}", each.content) for each in pair.prompt]
    blocks.append(_part("chosen", marked(found.chosen)))
    blocks.append(_part("rejected", marked(found.rejected)))
    if pair.critique:
        blocks.append(_part("critique of the rejected", pair.critique))
    head = [
        "principle",
        "protocol",
        "chosen pointwise",
        "rejected pointwise",
        "chosen first",
        "chosen second",
        "unreadable",
    ]
    rows = [
        [each.principle, each.protocol, each.chosen_alone, each.rejected_alone, each.chosen_first, each.chosen_second,
         ", ".join(each.states) or None]
        for each in found.said
    ]  # fmt: skip
    if rows:
        blocks.append(table(head, rows))
    blocks += [_call(each) for each in found.calls[:calls]]
    hidden = len(found.calls) - calls
    if hidden > 0:
        blocks.append(f"{hidden} further calls (--calls {len(found.calls)} shows them)")
    if found.missing:
        blocks.append(
            f"{len(found.missing)} calls are not in this store, or damaged in it (name theirs with --store)"
        )
    blocks.append(_origin(found))
    return "\n\n".join(blocks)


def _part(title: str, text: str) -> str:
    return f"{title}\n" + "\n".join(f"    {line}" for line in text.split("\n"))


def _call(call: Any) -> str:
    sent = [f"<{each.role}>\n{each.content}" for each in call.messages]
    if call.assistant_prefix:
        sent.append(f"<assistant>\n{call.assistant_prefix}")
    answer = call.error if call.error else call.reply
    return (
        f"{_part(f'call {call.key}, {call.kind} by {call.fingerprint}', chr(10).join(sent))}\n  -> {answer}"
    )


def _origin(found: Any) -> str:
    pair, held = found.pair, found.constitution
    lines = ["where it comes from"]
    for name, value in pair.provenance.items():
        if name not in ("calls", "votes"):
            lines.append(f"  {name}: {value}")
    if held is not None:
        note = ", NOT the one of the pair" if found.constitution_differs else ""
        lines.append(f"  constitution text ({held.digest}{note}):")
        lines += [f"    {each.id}: {each.text}" for each in held.principles]
    steps: dict[str, list[int]] = {}
    for name, step in found.used:
        steps.setdefault(name, []).append(step)
    lines += [f"  trained on by {name} in steps {', '.join(map(str, each))}" for name, each in steps.items()]
    if not steps:
        lines.append("  no training of this store has used it")
    return "\n".join(lines)


def _compared(found: Any) -> str:
    rows = [
        [name, *each]
        for name, each in (
            ("judge", found.judges),
            ("constitution", found.constitutions),
            ("pairs", found.pairs),
        )
    ]
    blocks = [table(["", *found.runs], rows)]
    agreement, kappa = found.agreement, between(found.kappa_between) or "-"
    blocks.append(
        f"they prefer the same side in {agreement.value:.3f} [{agreement.low:.3f}, {agreement.high:.3f}] of "
        f"{found.common} pairs of answers; Cohen's kappa {kappa}"
    )
    blocks.append(
        f"pairs of answers that were judged: {found.judged[0]} and {found.judged[1]}, {found.judged_by_both} of them "
        f"by both; of these the first run has no preference in {found.without_preference[0]}, the second in "
        f"{found.without_preference[1]}"
    )
    blocks.append(
        f"pairs of the same texts: {found.same_pairs} with the same side chosen, {found.turned_pairs} with the other"
    )
    for title, held in (("principle", found.by_principle), ("tag", found.by_tag)):
        if held:
            body = [
                [name, *each[:3], int(each.prompts)]
                for name, each in sorted(held.items(), key=lambda row: row[1].value)
            ]
            blocks.append(table([title, "agree", "95 % low", "high", "prompts"], body))
    if found.gold is not None:
        body = [[name, *each] for name, each in {"all": found.gold, **found.gold_by_tag}.items()]
        blocks.append(
            "who is right by gold, where they differ (McNemar)\n"
            + table(["", "only the first", "only the second", "p"], body)
        )
    for each in found.disagreements:
        lines = [shortened(each.prompt), f"  the first prefers  {shortened(each.first)}"]
        blocks.append("\n".join([*lines, f"  the second prefers {shortened(each.second)}"]))
    return "\n\n".join(blocks)

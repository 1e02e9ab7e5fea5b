"""`rlaif audit show` and `rlaif audit compare`: one pair with its provenance, and two runs compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
@options.option("--thoughts", is_flag=True, help="Print thoughts and schemas of tools in full.")
@options.store
@options.as_json
def show(pair: str, run: Path | None, calls: int, thoughts: bool, store: Path | None, as_json: bool) -> None:
    """Show one pair with everything that made it: texts, judgments, calls, provenance.

    PAIR is its id or the beginning of it. Words that only one of the two answers has are in brackets.
    """
    from rlaif.workflows.audit.show_pair import show as workflow

    found = workflow(pair, run, store)
    emit(found.as_dict(), _pair(found, calls, thoughts), as_json=as_json)


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


def _pair(found: Any, calls: int, thoughts: bool) -> str:
    from rlaif.auditing.turn_texts import turn_title

    pair = found.pair
    blocks = [f"{pair.id} in {found.run}, round {pair.round}: P(chosen is better) {pair.label_prob:.3f}"]
    for each in pair.prompt:
        blocks += _turn(f"prompt, {turn_title(each)}", each, thoughts)
    blocks += _tools(pair.tools, thoughts)
    blocks += _side("chosen", found.chosen, thoughts)
    blocks += _side("rejected", found.rejected, thoughts)
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
    blocks += [_call(each, thoughts) for each in found.calls[:calls]]
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


def _side(name: str, turns: Sequence[Any], thoughts: bool) -> list[str]:
    """One side: of several turns each with who speaks."""
    from rlaif.auditing.differences import marked
    from rlaif.auditing.turn_texts import turn_title

    blocks = []
    for each in turns:
        title = name if len(turns) == 1 else f"{name}, {turn_title(each.turn)}"
        texts = (marked(each.content), [marked(call) for call in each.calls])
        blocks += _turn(title, each.turn, thoughts, texts)
    return blocks


def _turn(
    title: str, turn: Any, thoughts: bool, marked: tuple[str, Sequence[str]] | None = None
) -> list[str]:
    """A turn in blocks: its thought, its text, its calls. What is in them is indented: none looks like a heading."""
    from rlaif.auditing.turn_texts import call_text

    text, calls = marked or (turn.content, list(map(call_text, turn.tool_calls)))
    blocks = [_thought(f"{title}, thought", turn.thought, thoughts)] if turn.thought else []
    if turn.content or not calls:
        blocks.append(_part(title, text))
    return blocks + [_part(f"{title}, tool call", each) for each in calls]


def _thought(title: str, thought: str, whole: bool) -> str:
    from rlaif.auditing.surface import words

    count = words(thought)
    folded = f"{title} ({count} word{'' if count == 1 else 's'})"
    return _part(folded, thought) if whole else f"{folded}, --thoughts shows it"


def _tools(tools: Sequence[Any], whole: bool) -> list[str]:
    from rlaif.auditing.turn_texts import tool_names

    if not tools:
        return []
    folded = f"tools: {', '.join(tool_names(tools))}"
    schemas = json.dumps(list(tools), ensure_ascii=False, indent=2)
    return [_part(folded, schemas) if whole else f"{folded} (--thoughts shows their schemas)"]


def _call(call: Any, thoughts: bool) -> str:
    from rlaif.auditing.turn_texts import call_text

    sent = [_sent(each, thoughts) for each in call.messages]
    if call.assistant_prefix:
        sent.append(f"<assistant>\n{call.assistant_prefix}")
    answer = call.error if call.error else call.reply
    blocks = [_part(f"call {call.key}, {call.kind} by {call.fingerprint}", chr(10).join(sent))]
    blocks += [_indented(each) for each in _tools(call.tools, thoughts)]
    if call.thought:
        blocks.append(_indented(_thought("-> thought", call.thought, thoughts)))
    called = [f"  -> tool call {call_text(each)}" for each in call.tool_calls]
    return "\n".join([*blocks, *([f"  -> {answer}"] if answer or not called else []), *called])


def _sent(turn: Any, thoughts: bool) -> str:
    """A turn that was sent, as it stands in the block of its call."""
    from rlaif.auditing.turn_texts import call_text, turn_title

    parts = [f"<{turn_title(turn)}>"]
    if turn.thought:
        parts.append(_thought("thought", turn.thought, thoughts))
    if turn.content or not turn.tool_calls:
        parts.append(turn.content)
    return "\n".join([*parts, *(f"tool call {call_text(each)}" for each in turn.tool_calls)])


def _indented(block: str) -> str:
    return "\n".join(f"  {line}" for line in block.split("\n"))


def _origin(found: Any) -> str:
    pair, held = found.pair, found.constitution
    lines = ["where it comes from"]
    for name, value in pair.provenance.items():
        if name not in ("calls", "votes"):
            lines.append(f"  {name}: {_plain(value)}")
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


def _plain(value: Any) -> str:
    """A value of the provenance in words: what is nested stands in brackets."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_nested(each)}" for name, each in value.items())
    return ", ".join(map(_nested, value)) if isinstance(value, list | tuple) else str(value)


def _nested(value: Any) -> str:
    return f"({_plain(value)})" if isinstance(value, Mapping | list | tuple) else str(value)


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

"""Output of `generate` and `judge`: the funnel, each principle under this judge, a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaif.cli.ending import doubtful, listed, within
from rlaif.cli.next_step import after_pairs
from rlaif.cli.output import emit, warn
from rlaif.review.principles import HEAD, applied
from rlaif.review.tables import table
from rlaif.runs.layout import PAIRS, REPORT

if TYPE_CHECKING:
    from rlaif.workflows.generate.result import GenerateResult


SHOWN_PRINCIPLES = 3


def show(made: GenerateResult, *, full: bool, as_json: bool) -> None:
    """Print the result; exit 3 when fewer prompts than wanted gave a pair."""
    warn(made.warnings if full or as_json else ())
    # a command spells its options otherwise than Python its arguments
    unmet = made.unmet and made.unmet.replace("(min_pair_share)", "(--min-pair-share)")
    text = _everything(made) if full else "\n".join(_ending(made))
    emit(made.as_dict(), text, as_json=as_json, unmet=unmet, then=after_pairs(made))


def _everything(made: GenerateResult) -> str:
    result = made.as_dict()
    parts = [table(["funnel", "count"], [[name, count] for name, count in made.funnel.items()])]
    if rows := applied(result["principles"], result["tests"]):
        parts.append(table(HEAD, rows))
    return "\n\n".join([*parts, made.summary])


def _ending(made: GenerateResult) -> list[str]:
    """How many pairs, what became of the rest, the principles that the judge applies worst, doubts, cost, places."""
    pairs = len(made.pairs)
    lines = within(
        f"{pairs:,} pair{'' if pairs == 1 else 's'}: {made.pair_share:.1%} of {made.counts.prompts:,} prompts gave "
        f"one, by {made.constitution.partition(' (')[0]}",
        2,
    )
    lines += within(listed(f"{name} {count:,}" for name, count in made.funnel.items()), 2)
    # all that there is to say must leave room for the next command
    most = 1 if bool(made.panel) + bool(made.cut) + bool(made.dealt) > 1 else 2
    lines += [line for line in within(_weakest(made), most) if line]
    lines += within(made.panel_line, most) if made.panel else []
    lines += within(made.dealt_line, most) if made.dealt else []
    lines += [line for said in made.cut[:1] for line in within(said, 2)]
    lines += doubtful(
        [*made.failures, *made.cut[1:], *(each for each in made.warnings if each not in made.cut)]
    )
    lines += [f"cost: {made.spent}", f"pairs: {made.run / PAIRS}; page: {made.run / REPORT}"]
    return lines


def _weakest(made: GenerateResult) -> str:
    """The principles whose two orders agree least, of those that were compared."""
    known = {
        name: row["order_consistency"]
        for name, row in made.principles.items()
        if row.get("order_consistency") is not None
    }
    if not known:
        return ""
    worst = sorted(known, key=lambda name: (known[name], name))[:SHOWN_PRINCIPLES]
    said = listed(f"{name} {known[name]:.2f}" for name in worst)
    return f"orders of a comparison that agree, least of {len(known)} principles: {said}"

"""Output of `generate` and `judge`: the funnel, each principle under this judge, a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaif.cli.next_step import after_pairs
from rlaif.cli.output import emit, warn
from rlaif.review.principles import HEAD, applied
from rlaif.review.tables import table

if TYPE_CHECKING:
    from rlaif.workflows.generate.result import GenerateResult


def show(made: GenerateResult, *, as_json: bool) -> None:
    """Print the result; exit 3 when fewer prompts than wanted gave a pair."""
    warn(made.warnings)
    result = made.as_dict()
    parts = [table(["funnel", "count"], [[name, count] for name, count in made.funnel.items()])]
    if rows := applied(result["principles"], result["tests"]):
        parts.append(table(HEAD, rows))
    # a command spells its options otherwise than Python its arguments
    unmet = made.unmet and made.unmet.replace("(min_pair_share)", "(--min-pair-share)")
    emit(result, "\n\n".join([*parts, made.summary]), as_json=as_json, unmet=unmet, then=after_pairs(made))

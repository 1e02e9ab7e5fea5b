"""What `rlaif audit` is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlaif.settings import setting

RUN = "Run"


def _limit(text: str) -> tuple[str, float]:
    """`FIGURE<=NUMBER` or `FIGURE>=NUMBER` as a limit; the name of a lower one gets a `-` in front."""
    name, sign, limit = next((text.partition(sign) for sign in ("<=", ">=") if sign in text), ("", "", ""))
    try:
        return ("-" if sign == ">=" else "") + name.strip(), float(limit)
    except ValueError:
        raise ValueError(f"{text!r} is not FIGURE<=NUMBER or FIGURE>=NUMBER") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """Options of an audit."""

    run: Path = setting(help="Directory of the run.")
    round: int | None = setting(None, help="Round of a loop [default: the newest].", least=1)
    training: str | None = setting(
        None, help="Training prompts: report which of them no feedback prompt resembles."
    )
    evaluation: str | None = setting(None, help="Evaluation prompts: report which of them occur in this run.")
    again: Path | None = setting(
        None,
        help="A run in which the same judge judged the same completions again, for test-retest agreement.",
        exists="directory",
    )
    truth: Path | None = setting(
        None,
        help="A run in which a stronger judge judged the same completions: what it says counts as true before a "
        "training, where prompts name no gold.",
        exists="directory",
    )
    thresholds: Mapping[str, float] = setting(
        default_factory=dict,
        help="Exit 3 (in Python: `unmet`) when a figure is beyond its limit. On the command line FIGURE<=X or "
        "FIGURE>=X, repeatable; in Python `{'FIGURE': x}`, with `-FIGURE` for a limit below which it may not be.",
        metavar="FIGURE<=X",
        repeated=True,
        read=_limit,
    )
    allowed: Sequence[str] = setting(
        (), help="Do not fail on this fault; repeatable.", metavar="FAULT", repeated=True
    )
    strict: bool = setting(False, help="Exit 3 (in Python: `unmet`) when any fault is found.")
    edited: bool = setting(
        False,
        help="The pairs were changed by hand after their run was finished, on purpose: shown, and no fault.",
    )
    seed: int = setting(0, help="Seed of all random numbers.", group=RUN)
    store: Path | None = setting(
        None,
        help="Store file, which holds people's decisions [default: searched upward from the run].",
        group=RUN,
    )

"""A judge check kept in a directory (`--out`): claimed as a run, with its figures, its rules and its page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.constitution.writing import constitution_yaml
from rlaif.errors import InputError, RlaifError
from rlaif.exchange.gold import GoldChoice, GoldLabel, GoldPair, GoldSet
from rlaif.hashing import digest
from rlaif.records import Constitution
from rlaif.review.check_report import write_check
from rlaif.review.plots import PLOTS, write_plot
from rlaif.review.recorded_check import check_calibration, read_check
from rlaif.runs.claim import claim
from rlaif.runs.identity import described_constitution
from rlaif.runs.layout import CHECK, CONSTITUTION, REPORT
from rlaif.runs.spent import calls_in_all
from rlaif.workflows.judge_eval.config import CheckConfig
from rlaif.workflows.judge_eval.result import JudgeCheckResult

COMMAND = "judge check"
CALIBRATION = "calibration"
SHOWN = ("judge", "count", "figures", "position_bias", "shares", "calls", "unmet")
"""What of a check stands in its `run.json`."""


@contextmanager
def kept(
    config: CheckConfig, judge: str, gold: GoldSet, rules: Constitution | None, fingerprint: str | None
) -> Iterator[Callable[[JudgeCheckResult], None]]:
    """Claim the directory of a check, if one is wanted, and give what writes its result there.

    Raises RunError for a directory of something else, before the judge is asked.
    """
    if config.out is None:
        yield lambda _: None
        return
    with claim(config.out, _described(config, judge, gold, rules, fingerprint), command=COMMAND) as run:

        def write(found: JudgeCheckResult) -> None:
            told = _in_all(run.dir, found.as_dict())
            write_text(run.dir / CHECK, json.dumps(told, indent=1) + "\n")
            if rules is not None:
                write_text(run.dir / CONSTITUTION, constitution_yaml(rules))
            write_check(told, run.dir / REPORT)
            shown = {name: told[name] for name in SHOWN if name in told}
            run.finish({**shown, "gold_set": told["gold"], "warnings": told["notes"]})

        yield write


def _in_all(folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    """A check with the calls and tokens of all commands that made it; one that repeats it asks nothing."""
    try:
        before = read_check(folder)
    except RlaifError:  # of a broken file nothing is kept: the check is written anew
        before = None
    if before is None:
        return told
    return told | {part: calls_in_all(before[part], told[part]) for part in ("calls", "tokens")}


def write_files(config: CheckConfig, found: JudgeCheckResult) -> None:
    """Write the page and the plot that were asked for. Raises InputError where there is nothing to plot."""
    if config.html is not None:
        write_check(found.as_dict(), config.html)
    if config.plot is not None:
        _plot_calibration(config.plot, found)


def _plot_calibration(path: Path, found: JudgeCheckResult) -> None:
    told = found.as_dict()
    if not told["calibration"].get("bins"):
        raise InputError(
            f"{path}: {found.judge} gives no probability on {found.gold}; there is nothing to plot"
        )
    write_plot(PLOTS.get(CALIBRATION), [check_calibration(told)], path)


def _described(
    config: CheckConfig, judge: str, gold: GoldSet, rules: Constitution | None, fingerprint: str | None
) -> dict[str, Any]:
    kinds: Sequence[Sequence[GoldPair | GoldChoice | GoldLabel]] = (gold.pairs, gold.choices, gold.labels)
    ids = [each.id for own in kinds for each in own]
    options = config.judge_options.set_ones if config.judge_options is not None else {}
    return {
        "judge": judge,
        "models": {"judge": fingerprint} if fingerprint else {},
        "gold": {"name": gold.name, "count": len(gold), "digest": digest("gold", ids)},
        "constitution": None if rules is None else described_constitution(rules),
        "protocol": config.protocol,
        "retest": config.retest,
        "attacks": list(config.attacks),
        "seed": config.seed,
        **({"attacked": config.attacked} if config.attacks else {}),
        **({"options": {"judge": options}} if options else {}),
    }

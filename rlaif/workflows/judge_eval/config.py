"""What `rlaif judge check` is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlaif.settings import Setting, setting
from rlaif.workflows.configs import PROMPTS, RUN, ModelOptions
from rlaif.workflows.models.role_options import RoleOptions, role_setting
from rlaif.workflows.registered_names import attack_names, judge_names, protocol_names


def _share(says: str) -> Setting:
    return Setting(help=says, least=0, most=1)


THRESHOLDS: Mapping[str, tuple[str, str, Setting]] = {
    "min_accuracy": ("accuracy", "least", _share("Exit 3 below this accuracy.")),
    "min_both_correct": (
        "both_correct",
        "least",
        _share("Exit 3 below this share of pairs judged right in both orders."),
    ),
    "min_consistency": ("consistent", "least", _share("Exit 3 below this order consistency.")),
    "min_kappa": (
        "kappa",
        "least",
        Setting(help="Exit 3 below this Cohen's kappa with the labels.", least=-1, most=1),
    ),
    "max_unreadable": ("unreadable", "most", _share("Exit 3 above this share of unreadable verdicts.")),
    "max_refused": ("refused", "most", _share("Exit 3 above this share of refused verdicts.")),
    "max_position_bias": (
        "position_bias",
        "most",
        _share("Exit 3 when P(first shown wins) is farther from 0.5 than this."),
    ),
    "max_calibration_error": ("calibration_error", "most", _share("Exit 3 above this calibration error.")),
    "max_flipped": (
        "flipped",
        "most",
        _share("Exit 3 when a family of attacks flips a larger share of verdicts."),
    ),
}
"""By option: the figure that is held against it, whether it is the least or the most that may be, and its bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConfig(ModelOptions):
    """What is checked, and the thresholds."""

    source: str | None = setting(
        None, help="Gold set; None: the constitution's own tests, or what `replay:` records."
    )
    judge: str | None = setting(
        None,
        help="Judge: the name of a model or of another judge, or replay:FILE for recorded verdicts [default: micro].",
        known=judge_names,
    )
    judge_options: RoleOptions | None = role_setting("judge", judges=True)
    constitution: str | None = setting(
        None, help="Constitution: a file or a name [default: the question of the gold set]."
    )
    protocol: str | None = setting(
        None,
        help="How the judge is asked [default: compare; for single answers, checklist or reward].",
        names=protocol_names,
        metavar="NAME",
    )
    format: str | None = setting(None, help="Format of GOLD, where its columns do not tell it.")
    limit: int | None = setting(None, help="Use only the first N prompts.", least=1, group=PROMPTS)
    retest: int = setting(
        20,
        help="Pairs judged a second time, bypassing the store, for test-retest agreement.",
        least=0,
    )
    attacks: tuple[str, ...] = setting(
        (),
        help="Apply only this family of attacks; repeatable.",
        names=attack_names,
        metavar="FAMILY",
        repeated=True,
    )
    attacked: int = setting(10, help="Number of pairs to attack.", least=1)
    plot: Path | None = setting(None, help="Write a calibration plot (.svg, .png or .pdf).")
    html: Path | None = setting(None, help="Write the HTML report of the check.")
    out: Path | None = setting(
        None, help="Also keep the check as a run in this directory, for `report`, `plot` and `view`."
    )
    seed: int = setting(0, help="Seed of all random numbers.", group=RUN)
    thresholds: Mapping[str, float] = setting(
        default_factory=dict,
        help="Limits of figures, by name.",
        keys={name: about for name, (_, _, about) in THRESHOLDS.items()},
        group="Limits",
    )
    ignore_flags: bool = setting(False, help="Do not exit 3 when a flag fires.")

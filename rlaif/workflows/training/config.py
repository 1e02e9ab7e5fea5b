"""What `rlaif train` and `rlaif.train` are told: the method with its options, and what is common to all methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from rlaif.errors import InputError
from rlaif.settings import Setting, setting
from rlaif.training.gate import LIMITS
from rlaif.workflows.models.role_options import two_marks
from rlaif.workflows.training.methods import DEFAULT, METHODS
from rlaif.workflows.training.options import DATA, RUN, TRAINED
from rlaif.workflows.training.read_options import check_given


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Train on a run's pairs by one of the methods."""

    source: Path
    """A run directory, or a file of pairs or examples."""
    method: str = DEFAULT
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those options of the method that were given, by name; the others are the shipped recipe's for bundled models,
    the method's own for others."""
    out: Path | None = setting(None, help="Model directory [default: SOURCE/models/METHOD].")
    policy: str | None = setting(
        None,
        help="Model that is trained [default: the one that wrote the completions; for a judge, the one that judged; "
        "of a recipe's run, that with which the round began].",
        group=TRAINED,
    )
    chat_template_kwargs: Mapping[str, Any] = setting(
        default_factory=dict, help="Passed to chat templates.", metavar="KEY=VALUE", group=DATA
    )
    thought_marks: tuple[str, ...] | None = setting(
        None,
        help="What the model writes around its thought, where its template does not tell "
        "[default: as its run was told].",
        metavar="'START END'",
        read=two_marks,
        wanted="a list of two texts, [START, END]",
        group=DATA,
    )
    trust_remote_code: bool = setting(
        False,
        help="Run code found in a model directory, of the model that is trained and of its reference.",
        group=TRAINED,
    )
    max_unreadable: float = setting(
        0.05,
        help="Refuse runs whose share of unreadable judgments is above.",
        least=0,
        most=1,
        group=DATA,
    )
    gate: Literal["filter", "refuse", "off"] = setting(
        "filter",
        help="Pairs or examples with a defect: leave them out and count them, stop above a limit, or do not look.",
        group=DATA,
    )
    gate_limit: Mapping[str, float] = setting(
        default_factory=dict,
        help="Stop above it: duplicate=0.1, length=0.6 ... (docs/formats.md).",
        metavar="FIGURE=LIMIT",
        keys={name: Setting(help="", least=0, most=1) for name in LIMITS},
        group=DATA,
    )
    reviewed: Literal["ignore", "drop", "turn"] = setting(
        "ignore",
        help="Pairs that reviewers decided against: keep, leave out, or swap; drop and turn leave out what they "
        "flagged or called a tie.",
        group=DATA,
    )
    edited: bool = setting(
        False, help="The pairs were changed by hand after their run was finished, on purpose.", group=DATA
    )
    held_out: str | None = setting(
        None,
        help="Prompts of your evaluation: pairs or examples that ask one of them are a defect [default: those of the "
        "recipe whose run it is].",
        group=DATA,
    )
    store: Path | None = setting(None, help="The store file [default: found upward from --out].", group=RUN)
    seed: int = setting(0, help="All random numbers derive from it.", group=RUN)

    def __post_init__(self) -> None:
        """Raise InputError for marks that are not two."""
        if self.thought_marks is not None and len(self.thought_marks) != 2:
            raise InputError(f"thought_marks is {list(self.thought_marks)}; give two marks: START END")


def train_config(source: Path | str, *, method: str = DEFAULT, **given: Any) -> TrainConfig:
    """The configuration of one call of `rlaif.train`: `given` are fields of `TrainConfig` and options of the method.

    None stands for an option that is not given. Raises InputError for a name or a value that is wrong.
    """
    common = {each.name for each in fields(TrainConfig)} - {"source", "method", "options"}
    named = {name: value for name, value in given.items() if value is not None}
    for name in ("out", "store"):
        if name in named:
            named[name] = Path(named[name])
    return TrainConfig(
        source=Path(source),
        method=method,
        options=check_given(
            METHODS.get(method), {name: named[name] for name in named if name not in common}, "train"
        ),
        **{name: value for name, value in named.items() if name in common},
    )

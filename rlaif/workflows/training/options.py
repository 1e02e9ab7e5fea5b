"""Options that several train methods share, one class inheriting from another; a method adds its own below them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from rlaif.settings import Setting, options, setting
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.configs.pairs import LIMITS
from rlaif.workflows.training.alarm.option import alarm_setting
from rlaif.workflows.training.loop_options import loop_options

LORA_RANK = 16
"""Of an adapter whose rank nobody named."""

TRAINED = "What is trained"
LOSS = "Loss"
DATA = "Data"
LOOP = "Training loop"
RUN = "Run"
SHARES = ("held_out_accuracy",)
"""Limits of `stop` that are shares."""
REWARD, ROLLOUTS, ALARM = "Reward", "Rollouts", "Alarm"
GROUPS = ("", TRAINED, REWARD, ROLLOUTS, LOSS, DATA, ALARM, LOOP, RUN)
"""Headings of `rlaif train METHOD --help`, in this order; options of no group come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOptions:
    """Options of every method. None leaves a value to the method's own default."""

    names_model: ClassVar[str] = ""
    """The option that may name another model beside the one that trains; empty: there is none."""
    also_models: ClassVar[tuple[str, ...]] = ()
    """Further options that may each name a model."""
    own_models: ClassVar[tuple[str, ...]] = ()
    """Values of that option that name no other model's weights."""

    steps: int | None = setting(None, help="Optimizer steps.", least=1, group=LOOP)
    epochs: float | None = setting(
        None, help="Passes over the data, in the place of --steps [default: 1].", above=0, group=LOOP
    )
    batch_size: int | None = setting(None, help="Pairs (or examples) a step.", least=1, group=LOOP)
    learning_rate: float | None = setting(
        None, help="Peak learning rate [default: by the number of parameters].", above=0, group=LOOP
    )
    lora: bool | int = setting(
        False,
        help="Train a low-rank adapter of this rank and merge it.",
        least=1,
        metavar="RANK",
        wanted="true: train a low-rank adapter; or its rank",
        group=TRAINED,
    )
    alarm: Any = alarm_setting(group=ALARM)
    loop: Mapping[str, Any] = setting(
        default_factory=dict,
        help=f"Options of the training loop (docs/training-loop.md): {', '.join(o.name for o in options(LoopConfig))}.",
        group=LOOP,
    )

    def in_key(self) -> dict[str, Any]:
        """All that decides what a training makes, as plain values: for keys of steps and digests of recipes."""
        own = asdict(self)
        # an option that came late: without an alarm a training is what it was before there were any
        return (
            own if self.alarm is not None else {name: each for name, each in own.items() if name != "alarm"}
        )

    @property
    def named_model(self) -> str | None:
        """The other model that is named; None where none is."""
        named = getattr(self, self.names_model, None) if self.names_model else None
        return None if named in self.own_models else named

    @property
    def further_named(self) -> dict[str, str]:
        """Of `also_models`, those that name a model, with its name; as it is by default such an option names none."""
        usual = {each.name: each.default for each in fields(self)}
        given = {name: getattr(self, name) for name in self.also_models}
        return {name: each for name, each in given.items() if each is not None and each != usual[name]}

    @property
    def rank(self) -> int:
        """Rank of the adapter; 0 trains all weights."""
        return LORA_RANK if self.lora is True else int(self.lora)

    def checked_loop(self, where: str) -> dict[str, Any]:
        """The options of `loop` with the adapter's rank, without which some of them mean nothing.

        Raises InputError saying `where` and which name or kind is wrong.
        """
        return {"lora": self.rank, **loop_options(self.loop, f"{where}: loop")}


def learned_of_turns() -> Any:
    """The setting `train_on`, of methods that learn to write: `LoopConfig.train_on`."""
    return setting(
        "all",
        help="What is learned of a turn with a thought: thought and answer, or the answer alone.",
        group=DATA,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTrainingOptions(MethodOptions):
    """Options of methods that compare the two sides of a pair."""

    held_out_pairs: float = setting(
        0.0,
        help="Measure on the pairs of this share of the prompts; do not train on them.",
        least=0,
        below=1,
        metavar="SHARE",
        wanted="a share from 0 to below 1",
        group=DATA,
    )
    stop: Mapping[str, float] = setting(
        default_factory=dict,
        help="Stop (exit 3) beyond it: kl=50, chosen_drop=10, margin=20, length_drift=0.2, held_out_accuracy=0.55 ...",
        metavar="FIGURE=LIMIT",
        keys={
            name: Setting(help="", above=0, most=1, wanted="a share above 0, at most 1")
            if name in SHARES
            else Setting(help="", above=0)
            for name in LIMITS
        },
        group=LOOP,
    )

"""Direct preference optimisation and its kin: the policy learns to prefer chosen to rejected (2305.18290)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from rlaif.records import Pair
from rlaif.runs.layout import LOGPS
from rlaif.settings import Setting, setting
from rlaif.store import find_store
from rlaif.training import DPOConfig, Progress, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.options import (
    DATA,
    LOSS,
    TRAINED,
    MethodOptions,
    PairTrainingOptions,
    learned_of_turns,
)

OWN_REFERENCE = ("previous", "none")
"""References that are no other model's weights: the policy as it is before the training, and none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceOptions(PairTrainingOptions):
    """Options of methods that hold the policy to a reference and compare log-probabilities of the sides."""

    names_model: ClassVar[str] = "reference"
    own_models: ClassVar[tuple[str, ...]] = OWN_REFERENCE

    reference: str = setting(
        "previous",
        help="What the policy is held to: init, previous, none, or a model directory "
        "[default: init; in a recipe previous].",
        wanted="init, previous, none, or a model directory",
        group=TRAINED,
    )
    loss: str = setting(
        "soft",
        help="A loss or a mix: soft, hard, ipo, simpo, soft:0.8,nll:0.2 ... [default: soft].",
        wanted="a loss, or a mix such as soft:0.8,nll:0.2",
        group=LOSS,
    )
    beta: float | None = setting(
        None,
        help="Strength of the pull to the reference [default: what is usual with the loss].",
        above=0,
        group=LOSS,
    )
    loss_options: Mapping[str, float] = setting(
        default_factory=dict,
        help="Parameters of the loss: gamma=1.0, label_smoothing=0.1 ... (docs/training.md).",
        values=Setting(help="", least=0),
        group=LOSS,
    )
    labels: Literal["soft", "hard"] = setting(
        "soft", help="Give losses the judge's probabilities, or certain labels.", group=LOSS
    )
    wpo: bool = setting(
        False, help="Weight pairs by how probable their answers are under the policy (WPO).", group=LOSS
    )
    nll: float = setting(
        0.0, help="Weight of the chosen side's negative log-likelihood a token.", least=0, group=LOSS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DPOOptions(PreferenceOptions):
    """Options of dpo."""

    train_on: Literal["all", "answer"] = learned_of_turns()
    replay: Mapping[str, float] = setting(
        default_factory=dict,
        help="Share of a batch that repeats examples of a kind: judge=0.2.",
        metavar="KIND=SHARE",
        values=Setting(help="", least=0, below=1, wanted="a share from 0 to below 1"),
        group=DATA,
    )
    replay_from: str | None = setting(
        None,
        help="Where replay examples come from [default: micro:judge for bundled models].",
        wanted="a file of examples, or a bundled set",
        group=DATA,
    )

    def __post_init__(self) -> None:
        """Leave out kinds of which nothing is replayed: `{judge: 0}` and `{}` are one."""
        object.__setattr__(self, "replay", {kind: share for kind, share in self.replay.items() if share})


def preference_config(options: PreferenceOptions, shared: Mapping[str, Any]) -> DPOConfig:
    """The configuration of the trainer; `shared` are fields of the loop. Raises RecipeError naming the field."""
    return DPOConfig(
        loss=options.loss,
        beta=options.beta,
        loss_options=options.loss_options,
        labels=options.labels,
        wpo=options.wpo,
        nll=options.nll,
        replay=dict(options.replay) if isinstance(options, DPOOptions) else {},
        train_on=options.train_on if isinstance(options, DPOOptions) else "all",
        held_out=options.held_out_pairs,
        stop=options.stop,
        **shared,
    )


def check_preference(options: PreferenceOptions, where: str) -> None:
    """Raise RecipeError for a loss that is not known, or options that it does not read."""
    preference_config(options, options.checked_loop(where))


def train_preference(job: TrainJob, pairs: Sequence[Pair], progress: Progress) -> TrainSummary:
    """Train on `pairs`, which need not be those of the job."""
    from rlaif.training import train_dpo

    options = job.options
    assert isinstance(options, PreferenceOptions)
    return train_dpo(
        preference_config(options, job.loop_fields(len(pairs))),
        pairs,
        policy=job.base,
        reference=options.reference,
        reference_dir=job.reference_dir,
        replay=job.replay,
        sampled=job.sampled,
        cache=logp_cache(job.out),
        out=job.out,
        card=job.card,
        progress=progress,
        alarm=job.alarm,
    )


def logp_cache(out: Path) -> Path:
    """The file in which the project keeps its references' log-probabilities."""
    return find_store(out).parent / LOGPS


def _run(job: TrainJob, progress: Progress) -> TrainSummary:
    return train_preference(job, job.pairs, progress)


def _loop_of(job: TrainJob) -> tuple[DPOConfig, int]:
    assert isinstance(job.options, PreferenceOptions)
    return preference_config(job.options, job.loop_fields(len(job.pairs))), len(job.pairs)


def _standalone(
    kind: type[MethodOptions], given: Mapping[str, Any], bundled: MethodOptions | None
) -> MethodOptions:
    base: MethodOptions = bundled or kind()
    if bundled is not None:
        if given.get("beta") is None and given.get("loss", "soft") not in ("soft", "hard"):
            base = replace(base, beta=None)  # type: ignore[call-arg] # the recipe's is for its own loss
        if given.get("lora"):  # the recipe's rate is for all weights; an adapter's default is larger
            base = replace(base, learning_rate=None)
        if given.get("epochs") is not None and given.get("steps") is None:
            base = replace(base, steps=None)  # passes were asked for, not the recipe's own number of steps
    return replace(base, **{"reference": "init", **given})


METHOD = Method(
    name="dpo",
    help="Train the policy to prefer chosen to rejected: DPO, IPO, SimPO, KTO and other losses of pairs.",
    options=DPOOptions,
    trains=Role.POLICY,
    alarms=True,
    run=_run,
    check=check_preference,
    standalone=_standalone,
    loop_of=_loop_of,
    examples=(
        "rlaif train dpo runs/r1 --out models/r1",
        "rlaif train dpo runs/r1 --loss soft:0.8,nll:0.2 --stop kl=50 --held-out-pairs 0.05",
    ),
)

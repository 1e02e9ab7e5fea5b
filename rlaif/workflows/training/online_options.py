"""Options that the methods of the online loop share, and how a job of theirs is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.vllm.sampler_names import (
    LIVE,
    STARTED,
    check_sampler_name,
    open_sampler,
    require_sampler,
)
from rlaif.errors import RecipeError
from rlaif.judging.reward_judge import PREFIX as REWARD_PREFIX
from rlaif.settings import Setting, setting
from rlaif.training import OnlineConfig, Progress, TrainSummary
from rlaif.training.configs.online import OWN_VALUE, STOPS
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.reward_option import reward_setting
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.methods.dpo import OWN_REFERENCE
from rlaif.workflows.training.options import LOOP, REWARD, ROLLOUTS, TRAINED, MethodOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineOptions(MethodOptions):
    """Options of every method that learns from rollouts of the policy."""

    reward: Any = reward_setting(group=REWARD)
    n: int = setting(8, help="Rollouts of a prompt.", least=1, group=ROLLOUTS)
    temperature: float = setting(
        1.0, help="At which rollouts are drawn, and their probabilities read.", above=0, group=ROLLOUTS
    )
    max_tokens: int = setting(256, help="Tokens of a rollout at most.", least=1, group=ROLLOUTS)
    truncated: Literal["penalise", "mask", "keep"] = setting(
        "penalise",
        help="A rollout without an end: less worth than its group's others, left out, or as any other.",
        group=ROLLOUTS,
    )
    truncated_penalty: float = setting(
        1.0, help="What `penalise` takes off the reward.", least=0, group=ROLLOUTS
    )
    overlong: int = setting(
        0,
        help="Tokens before max_tokens over which a penalty grows to 1 (DAPO); 0: none.",
        least=0,
        group=ROLLOUTS,
    )
    inoculation: str = setting(
        "",
        help="System turn under which rollouts are drawn and learned, and that no reward sees: it permits a hack.",
        metavar="TEXT",
        group=ROLLOUTS,
        late=True,
    )
    rollouts: str = setting(
        LIVE,
        help="Who draws: live, the very weights that train; vllm, a vLLM that the training starts; or a vLLM server, "
        "http://HOST:PORT. The last two get the weights before each step.",
        metavar="live|vllm|URL",
        group=ROLLOUTS,
    )
    max_drift: float | None = setting(
        None,
        help="Stop (exit 3) where trainer and sampler differ by more nats a token [default: 0.2; not of live "
        "rollouts].",
        above=0,
        metavar="NATS",
        group=ROLLOUTS,
    )
    iterations: int = setting(1, help="Passes over a step's rollouts.", least=1, group=LOOP)
    minibatches: int = setting(1, help="Parts of such a pass, an optimizer step each.", least=1, group=LOOP)
    max_failed: float = setting(
        0.2,
        help="Stop (exit 3) where a larger share of a step's rollouts has no reward.",
        least=0,
        most=1,
        metavar="SHARE",
        group=REWARD,
    )
    stop: Mapping[str, float] = setting(
        default_factory=dict,
        help="Stop (exit 3) beyond it: kl=20, nats a rollout from the reference.",
        metavar="FIGURE=LIMIT",
        keys={name: Setting(help="", above=0) for name in STOPS},
        group=LOOP,
    )

    def in_key(self) -> dict[str, Any]:
        """As `MethodOptions.in_key`: where a sampler is reached decides nothing."""
        found = MethodOptions.in_key(self)
        return found if self.rollouts == LIVE else found | {"rollouts": "elsewhere"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOptions(OnlineOptions):
    """Options of methods that hold the policy to a reference."""

    names_model: ClassVar[str] = "reference"
    own_models: ClassVar[tuple[str, ...]] = OWN_REFERENCE

    reference: str = setting(
        "previous",
        help="Whom the policy is held to: init, previous, a model, or none.",
        wanted="init, previous, none, or a model",
        group=TRAINED,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientOptions(HeldOptions):
    """Options of methods that follow the gradient of the expected reward."""

    correction: Literal["sequence-mask", "sequence-truncate", "token-mask", "token-truncate", "none"] = (
        setting(
            "sequence-mask",
            help="How rollouts of a sampler that is not quite the trainer are weighed: by pi / pi_sampler of whole "
            "rollouts or of tokens; beyond max_mismatch they are left out, or count as much as at it.",
            group=ROLLOUTS,
        )
    )
    max_mismatch: float = setting(
        3.0,
        help="The bound of that ratio; a mask leaves out what is below one by it, too.",
        above=1,
        group=ROLLOUTS,
    )


NO_REFERENCE = "none"
WEIGHED = ("correction", "max_mismatch")
"""What `GradientOptions` adds to a configuration."""
C = TypeVar("C", bound=OnlineConfig)

SHARED = (
    "n",
    "temperature",
    "max_tokens",
    "truncated",
    "truncated_penalty",
    "overlong",
    "inoculation",
    "iterations",
    "minibatches",
    "max_failed",
)


def further_directory(name: str) -> Path | None:
    """Where the weights lie of a model that an option names beside the reference; None for the policy's own.

    A reward model may be named as a judge is. Raises ModelError for what has no weights here.
    """
    return None if name == OWN_VALUE else model_directory(name.removeprefix(REWARD_PREFIX))


def further_weights(options: MethodOptions, *, trust_remote_code: bool) -> dict[str, str]:
    """What those models are, by the option that names them; nothing of the policy's own."""
    found = {name: further_directory(getattr(options, name)) for name in options.also_models}
    return {
        name: model_fingerprint(folder, own_code=trust_remote_code)
        for name, folder in found.items()
        if folder is not None
    }


def fits_online(options: OnlineOptions, policy: Path, other: Path | None) -> None:
    """Raise ModelError where a model that is named writes in other tokens than the policy, or nobody could draw."""
    from rlaif.training.teachers import check_same_tokens

    require_sampler(options.rollouts)
    further = (further_directory(getattr(options, name)) for name in options.also_models)
    for folder in (other, *further):
        if folder is not None:
            check_same_tokens(folder, policy)


def online_config(
    kind: type[C], options: OnlineOptions, shared: Mapping[str, Any], own: Mapping[str, Any]
) -> C:
    """The configuration that options say; `shared` are the fields of any loop, `own` those of the method."""
    common = {name: getattr(options, name) for name in SHARED}
    if isinstance(options, GradientOptions):
        common |= {name: getattr(options, name) for name in WEIGHED}
    given = {
        name: value for name, value in {**own, "max_drift": options.max_drift}.items() if value is not None
    }
    return kind(**shared, **common, stop=dict(options.stop), **given)


def drawn_by(options: OnlineOptions) -> str:
    """Who draws the rollouts, for people."""
    if options.rollouts == LIVE:
        return "drawn from the weights that train"
    who = "a vLLM that the training starts" if options.rollouts == STARTED else options.rollouts
    return f"drawn by {who}, which is handed the weights before each step"


def check_online(
    options: OnlineOptions, where: str, config_of: Callable[[Any, Mapping[str, Any]], OnlineConfig]
) -> None:
    """Raise RecipeError for a reward that is missing or cannot be read, or options that do not go together."""
    if options.reward is None:
        raise RecipeError(
            f"{where}: reward is missing: say what is rewarded, `reward: [{{judge: NAME}}]` (--reward judge=NAME)"
        )
    spec = reward_parts(options.reward, where)
    check_sampler_name(options.rollouts)
    if options.max_drift is not None and options.rollouts == LIVE:
        raise RecipeError(
            f"{where}: max_drift is about rollouts that are drawn elsewhere; say rollouts: vllm, or remove it"
        )
    shared = options.checked_loop(where)
    if options.batch_size is not None:
        shared["batch_size"] = options.batch_size
    config_of(options, shared)
    if getattr(options, "reference", "") == NO_REFERENCE and getattr(options, "beta", None):
        raise RecipeError(
            f"{where}: reference is none, and beta weighs the KL to one; remove beta, or say reference: previous"
        )
    spec.check_group(options.n, where)


def online_loop(
    job: TrainJob, kind: type[C], config_of: Callable[[Any, Mapping[str, Any]], C]
) -> tuple[C, int]:
    """The configuration of a job of this method, and how many prompts there are."""
    shared = job.loop_fields(len(job.prompts), usual=kind().batch_size)
    return config_of(job.options, shared), len(job.prompts)


def run_online(config: OnlineConfig, job: TrainJob, progress: Progress) -> TrainSummary:
    """Train on the job's prompts by its reward."""
    from rlaif.training import train_online

    options = job.options
    assert isinstance(options, OnlineOptions), "only methods that draw rollouts are run here"
    further: dict[str, Any] = {
        name: further_directory(getattr(options, name)) for name in options.also_models
    }
    assert job.reward is not None, "a job of the online loop has its reward"
    sampler = open_sampler(options.rollouts)
    try:
        return train_online(
            config,
            job.prompts,
            job.reward,
            policy=job.base,
            reference=job.reference_dir,
            out=job.out,
            card=job.card,
            progress=progress,
            alarm=job.alarm,
            sampler=sampler,
            **further,
        )
    finally:
        if sampler is not None:
            sampler.close()

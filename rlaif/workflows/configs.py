"""What each command can be told, one frozen dataclass a command; each field says its help once.

Options of the command line are made of these fields (`rlaif.cli.generated`). The functions of `rlaif.workflows.api`
repeat them as keyword arguments, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlaif.settings import setting
from rlaif.workflows import sampling_settings
from rlaif.workflows.models.role_options import LENGTHS, RoleOptions, role_setting
from rlaif.workflows.registered_names import judge_names, policy_names, protocol_names
from rlaif.workflows.sampling_settings import SAMPLING

PROMPTS, JUDGING, MODELS, RUN = "Prompts", "Judging", "Models", "Run"
"""Headings of `--help`."""
JUDGE = "Judge: the name of a model or of another judge (docs/models.md, docs/judges.md)."


def _limits(text: str) -> dict[str, float]:
    from rlaif.costs import read_budget

    return read_budget(text)


def _key_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not key=value")
    return key.strip(), value.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How models are opened and where their calls are kept: never part of what a run is."""

    dtype: Literal["float32", "bfloat16", "float16"] = setting(
        "float32", help="Data type of local models.", group=MODELS
    )
    device: str = setting("auto", help="Device of local models: auto, cpu, cuda, cuda:1, mps.", group=MODELS)
    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = setting(
        None, help="Spread the layers of a local model over all devices, in place of `device`.", group=MODELS
    )
    batch_tokens: int = setting(16384, help="Tokens in a batch of a local model.", least=64, group=MODELS)
    chat_template_kwargs: Mapping[str, Any] = setting(
        default_factory=dict,
        help="Keyword arguments of chat templates; repeatable.",
        metavar="KEY=VALUE",
        group=MODELS,
    )
    trust_remote_code: bool = setting(False, help="Run code found in a model directory.", group=MODELS)
    store: Path | None = setting(None, help="Store file [default: searched upward from `out`].", group=RUN)
    on: Literal["local", "ray"] = setting(
        "local", help="Run models on this machine or on a Ray cluster (docs/scaling.md).", group=MODELS
    )
    workers: int | None = setting(
        None,
        help="Processes per local model [default: 1; for small models on CPUs up to 4, as OMP_NUM_THREADS leaves "
        "cores]; on a Ray cluster [default: one per GPU, without GPUs one per CPU and at most 4 per node].",
        least=1,
        group=MODELS,
    )
    budget: Mapping[str, float] = setting(
        default_factory=dict,
        help="Stop (exit 1, resumable) beyond calls=N,tokens=N,money=N,minutes=N.",
        metavar="LIMITS",
        read=_limits,
        group=RUN,
    )
    prices: Path | None = setting(
        None, help="Price table [default: the shipped one; see `rlaif prices`].", exists="file", group=RUN
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions(ModelOptions):
    """How completions become pairs."""

    out: Path = setting(help="Directory to write.")
    constitution: str | None = setting(
        None,
        help="Constitution: a file or a name [default: the one of the run or the trained model, else micro-default].",
    )
    judge: str | None = setting(None, help=JUDGE, known=judge_names)
    judge_options: RoleOptions | None = role_setting("judge", judges=True)
    critic_options: RoleOptions | None = role_setting(
        "critic", default=" [default: as the judge, but for the length of its answers]"
    )
    protocol: str = setting(
        "compare",
        help="How the judge is asked (docs/judges.md). A pointwise protocol also chooses which completions are "
        "paired.",
        names=protocol_names,
        metavar="NAME",
        group=JUDGING,
    )
    samples: int | None = setting(
        None,
        help="Samples per question, for protocols that average or vote [default: 1].",
        least=1,
        group=JUDGING,
    )
    ask_again: int | None = setting(
        None, help="Retries of a reply that cannot be read [default: 2].", least=0, group=JUDGING
    )
    inconsistent: Literal["drop", "average"] = setting(
        "drop",
        help="When the two orders of a pair disagree: drop the pair, or average both orders.",
        group=JUDGING,
    )
    truncated: Literal["drop", "reject"] = setting(
        "drop",
        help="A completion that ran out of `max_tokens`: drop makes no pair of it; reject lets it be a rejected side, "
        "never a chosen one.",
        group=JUDGING,
    )
    critique: bool = setting(True, help="Write a critique of the rejected side of each pair.", group=JUDGING)
    accept_unfit: bool = setting(
        False,
        help="Keep pairs that are decided only by principles which this judge cannot apply (their own tests fail, or "
        "the two orders disagree).",
        group=JUDGING,
    )
    min_pair_share: float = setting(
        0.05,
        help="Exit 3 (in Python: `unmet`) when a smaller share of the prompts gives a pair.",
        least=0,
        most=1,
        group=JUDGING,
    )
    limit: int | None = setting(None, help="Use only the first N prompts.", least=1, group=PROMPTS)
    seed: int = setting(0, help="Seed of all random numbers.", group=RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateConfig(PairOptions):
    """Sample completions, judge them, write pairs."""

    prompts: str | None = setting(
        None,
        help="Prompts: a file (JSONL, JSON, CSV, Parquet, text), a `datasets` directory or a bundled set.",
        group=PROMPTS,
    )
    column: str | None = setting(
        None, help="Column that holds the prompt [default: `prompt` or `messages`].", group=PROMPTS
    )
    from_turn: str | None = setting(
        None,
        help="Draw the assistant's turn K of each conversation, `last`, or `each` of them [default: the turn after the "
        "whole prompt].",
        metavar="K",
        group=PROMPTS,
    )
    policy: tuple[str, ...] = setting(
        (),
        help="Policy: a model's name (docs/models.md); several (repeatable) share each prompt's completions.",
        known=policy_names,
        repeated=True,
    )
    policy_options: RoleOptions | None = role_setting("policy", without=LENGTHS)
    pairing: Literal["best-worst", "all", "random", "rank"] = setting(
        "best-worst", help="Which completions of a prompt are compared.", group=JUDGING
    )
    n: int = setting(6, help="Completions per prompt.", least=2, group=SAMPLING)
    temperature: float = setting(1.0, help="Sampling temperature of the policy.", least=0, group=SAMPLING)
    top_p: float = sampling_settings.top_p(" of the policy")
    top_k: int = sampling_settings.top_k()
    min_p: float = sampling_settings.min_p()
    max_tokens: int = sampling_settings.max_tokens(256)
    max_thought_tokens: int | None = sampling_settings.max_thought_tokens()
    system: str | None = setting(
        None,
        help="System turn under which is drawn: constitution (its principles), good, bad, a file or a text; it is no "
        "part of the prompts that are kept [default: none].",
        metavar="WHICH",
        group=SAMPLING,
    )
    drift: int = setting(
        16,
        help="Compare the policy's log-probabilities with the trainer's on this many completions; 0: off.",
        least=0,
        group=SAMPLING,
    )
    trainer: str | None = setting(
        None,
        help="Local model that will be trained, for `drift` [default: the policy, where it is local].",
        group=SAMPLING,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig(PairOptions):
    """Judge completions that are there: a run's, or a file's."""

    source: Path = setting(help="Completions to judge: a run, or a file of completions.")
    pairing: Literal["same", "best-worst", "all", "random", "rank"] | None = setting(
        None,
        help="Which completions of a prompt are compared; `same`: those that a judged run compared, so that "
        "`rlaif audit compare` finds both [default: same for a judged run, else best-worst].",
        group=JUDGING,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig(ModelOptions):
    """Compare a policy with others by a judge, and by gold where the prompts have it."""

    policy: str | None = setting(None, help="The model to evaluate (docs/models.md).", known=policy_names)
    against: tuple[str, ...] = setting((), help="A model to compare it with; repeatable.", repeated=True)
    judge: str | None = setting(None, help=JUDGE, known=judge_names)
    policy_options: RoleOptions | None = role_setting("policy", without=LENGTHS)
    against_options: RoleOptions | None = role_setting(
        "against", whose="models to compare with", without=LENGTHS
    )
    judge_options: RoleOptions | None = role_setting("judge", judges=True)
    constitution: str | None = setting(
        None,
        help="Constitution: a file or a name [default: the one of the run or the trained model, else micro-default].",
    )
    prompts: str | None = setting(
        None,
        help="Held-out prompts: a file (JSONL, JSON, CSV, Parquet, text), a `datasets` directory or a bundled set.",
        group=PROMPTS,
    )
    column: str | None = setting(
        None, help="Column that holds the prompt [default: `prompt` or `messages`].", group=PROMPTS
    )
    gold: bool = setting(False, help="Also grade answers by gold, where the prompt rows name one.")
    behaviours: bool = setting(
        False,
        help="Ask the judge for sycophancy, flattery, made-up facts, doubt and over-refusal, where no gold says it.",
    )
    sets: tuple[str, ...] = setting(
        (),
        help="Sets to measure each model on: sums, harms, look-alikes, corrects, doubts, flatters (parts of the "
        "prompts), gsm8k=FILE, xstest=FILE, lm-eval=FILE.yaml (docs/evaluation.md).",
        metavar="NAME,NAME",
    )
    kl: bool = setting(
        False, help="Also the policy's KL from each model that it is compared with, in nats per answer."
    )
    temperature: float = setting(
        1.0, help="Sampling temperature of all models; 0: greedy.", least=0, group=SAMPLING
    )
    top_p: float = sampling_settings.top_p()
    top_k: int = sampling_settings.top_k()
    min_p: float = sampling_settings.min_p()
    max_tokens: int = sampling_settings.max_tokens(256)
    max_thought_tokens: int | None = sampling_settings.max_thought_tokens()
    system: str | None = setting(
        None,
        help="System turn under which is drawn: constitution (its principles), good, bad, a file or a text; it is no "
        "part of the prompts that are kept [default: none].",
        metavar="WHICH",
        group=SAMPLING,
    )
    against_system: str | None = setting(
        None,
        help="The same for the models to compare with: `none` against `--system constitution` measures one model with "
        "and without its task prompt [default: as `system`].",
        metavar="WHICH",
        group=SAMPLING,
    )
    limit: int | None = setting(None, help="Use only the first N prompts.", least=1, group=PROMPTS)
    resamples: int = setting(1000, help="Bootstrap resamples for the intervals.", least=100)
    seed: int = setting(0, help="Seed of all random numbers.", group=RUN)
    out: Path | None = setting(
        None, help="Also write texts, judgments and figures as a run, into this directory."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(ModelOptions):
    """Run a recipe."""

    recipe: str = setting(help="Recipe: a file, or the name of a shipped one.")
    out: Path = setting(help="Directory to write.")
    overrides: Mapping[str, str] = setting(
        default_factory=dict,
        help="Override keys of the recipe (docs/recipes.md), such as `rounds=1`; repeatable.",
        metavar="KEY=VALUE",
        repeated=True,
        read=_key_value,
    )
    policy: str | None = setting(None, help="Starting policy [default: the recipe's].", known=policy_names)
    judge: str | None = setting(
        None,
        help="Judge: a name, or `previous`, the newest policy [default: the recipe's].",
        known=judge_names,
    )
    policy_options: RoleOptions | None = role_setting("policy", default=", over the recipe's")
    judge_options: RoleOptions | None = role_setting("judge", judges=True, default=", over the recipe's")
    frozen_judge: bool = setting(False, help="Let the starting policy judge every round.")
    quick: bool = setting(
        False, help="The recipe's quick form: as small as its key `quick` says, before --set."
    )
    constitution: str | None = setting(None, help="Constitution: a file or a name [default: the recipe's].")
    limit: int | None = setting(
        None, help="Use only the first N prompts of each set.", least=1, group=PROMPTS
    )
    seed: int | None = setting(
        None, help="Seed of all random numbers [default: the recipe's].", least=0, group=RUN
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TestConfig(ModelOptions):
    """Put a constitution's own tests to a judge."""

    constitution: str = setting(help="Constitution: a file or a name.")
    judge: str | None = setting(
        None, help="Judge: the name of a model or of another judge [default: micro].", known=judge_names
    )
    judge_options: RoleOptions | None = role_setting("judge", judges=True)
    seed: int = setting(0, help="Seed of all random numbers.", group=RUN)

"""What each step can be told: plain frozen values, one class a step, checked by nothing but their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How models are opened and where their calls are kept: never part of what a run is."""

    dtype: str = "float32"
    device: str = "auto"
    device_map: str | None = None
    """How local models are spread over devices; None: each is whole on `device`."""
    batch_tokens: int = 16384
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    trust_remote_code: bool = False
    store: Path | None = None
    on: Literal["local", "ray"] = "local"
    """Where models run: on this machine, or on the workers of a Ray cluster."""
    workers: int | None = None
    """Processes that hold a model: of the cluster, where None is one a GPU, or without GPUs a few a node; or of this
    machine, where None is one, and for small models as many as OMP_NUM_THREADS leaves cores, at most four."""
    budget: Mapping[str, float] = field(default_factory=dict)
    """Limits of calls, tokens, money and minutes of one command."""
    prices: Path | None = None
    """Table of prices; None: the shipped one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions(ModelOptions):
    """How completions become pairs."""

    out: Path
    constitution: str | None = None
    judge: str | None = None
    protocol: str = "compare"
    """What decides between two completions; one that looks at each alone also chooses which are set against."""
    samples: int | None = None
    """Texts a question, where the protocol takes a vote of several; None: one."""
    ask_again: int | None = None
    """How often an unreadable text is asked for once more; None: twice, where the protocol reads texts."""
    pairing: Literal["best-worst", "all", "random", "rank"] = "best-worst"
    inconsistent: Literal["drop", "average"] = "drop"
    critique: bool = True
    accept_unfit: bool = False
    """Keep pairs that only principles decide which the judge cannot apply."""
    min_pair_share: float = 0.05
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateConfig(PairOptions):
    """Sample completions, judge them, write pairs."""

    prompts: str | None = None
    column: str | None = None
    policy: tuple[str, ...] = ()
    n: int = 6
    """Completions a prompt, dealt to the policies in turn."""
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 256
    drift: int = 16
    """Completions on which the policy's log-probabilities are compared with the trainer's; 0: none."""
    trainer: str | None = None
    """The local model that would be trained; None: the policy itself, where it is local."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig(PairOptions):
    """Judge completions that are there: a run's, or a file's."""

    source: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Train on a run's pairs. None: the recipe's figure for bundled models, the method's own for others."""

    source: Path
    out: Path | None = None
    method: Literal["dpo", "reward", "sft", "judge"] = "dpo"
    policy: str | None = None
    """What is trained; None: the model that wrote the run's completions, or that judged them."""
    reference: str | None = None
    loss: str | None = None
    """A loss or a mix; `hard` takes labels as sides."""
    beta: float | None = None
    loss_options: Mapping[str, float] | None = None
    labels: Literal["soft", "hard"] | None = None
    wpo: bool | None = None
    margin: float | None = None
    centering: float | None = None
    heads: tuple[str, ...] | None = None
    learn: Literal["chosen", "revisions", "good-bad"] | None = None
    via: Literal["sft", "dpo"] | None = None
    held_out_pairs: float | None = None
    stop: Mapping[str, float] | None = None
    learning_rate: float | None = None
    steps: int | None = None
    epochs: float | None = None
    batch_size: int | None = None
    nll: float | None = None
    replay: Mapping[str, float] | None = None
    replay_from: str | None = None
    lora: int | None = None
    """Rank; None trains all weights."""
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_unreadable: float = 0.05
    gate: Literal["filter", "refuse", "off"] = "filter"
    """What happens to pairs that teach nothing or teach wrong; see `rlaif.training.gate`."""
    gate_limit: Mapping[str, float] = field(default_factory=dict)
    reviewed: Literal["ignore", "drop", "turn"] = "ignore"
    """What becomes of pairs that people decided against (`rlaif review`)."""
    store: Path | None = None
    """Where people's decisions are, and where it is noted which step used which pair; found upward by default."""
    loop: Mapping[str, Any] = field(default_factory=dict)
    """Options of the loop itself, by name; see `rlaif.workflows.training.loop_options`."""
    held_out: str | None = None
    """Prompts that will be evaluated on: none of them is trained on."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig(ModelOptions):
    """Compare a policy with others by a judge, and by gold where the prompts have it."""

    policy: str | None = None
    against: tuple[str, ...] = ()
    judge: str | None = None
    constitution: str | None = None
    prompts: str | None = None
    column: str | None = None
    gold: bool = False
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 256
    limit: int | None = None
    resamples: int = 1000
    seed: int = 0
    out: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(ModelOptions):
    """Play a recipe."""

    recipe: str
    out: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    policy: str | None = None
    judge: str | None = None
    frozen_judge: bool = False
    """The starting policy judges every round."""
    constitution: str | None = None
    limit: int | None = None
    seed: int | None = None
    """None: the recipe's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestConfig(ModelOptions):
    """Put a constitution's own tests to a judge."""

    constitution: str
    judge: str | None = None
    seed: int = 0

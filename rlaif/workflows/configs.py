"""What each command can be told, one frozen dataclass a command; each field says its help once.

The functions of `rlaif.workflows.api` repeat these fields as keyword arguments, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlaif.settings import setting
from rlaif.workflows.training.config import TrainConfig as TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How models are opened and where their calls are kept: never part of what a run is."""

    dtype: str = setting("float32", help="Number format of local models: float32, bfloat16 or float16.")
    device: str = setting("auto", help="Device of local models: auto, cpu, cuda, cuda:1 or mps.")
    device_map: str | None = setting(
        None, help="How to spread the layers of a local model over devices; None: all of it on `device`."
    )
    batch_tokens: int = setting(16384, help="Tokens in one batch of a local model.")
    chat_template_kwargs: Mapping[str, Any] = setting(
        default_factory=dict, help="Arguments passed on to chat templates."
    )
    trust_remote_code: bool = setting(False, help="Run code that a model directory brings along.")
    store: Path | None = setting(None, help="Store of calls; None: found upward from `out`.")
    on: Literal["local", "ray"] = setting(
        "local", help="Where models run: on this machine, or on the workers of a Ray cluster."
    )
    workers: int | None = setting(
        None,
        help="Processes that hold a model. None: one; for small models as many as OMP_NUM_THREADS leaves cores, "
        "at most four; on a cluster one a GPU.",
    )
    budget: Mapping[str, float] = setting(
        default_factory=dict, help="Limits of this call: `calls`, `tokens`, `money` and `minutes`."
    )
    prices: Path | None = setting(None, help="Table of prices a million tokens; None: the shipped one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions(ModelOptions):
    """How completions become pairs."""

    out: Path = setting(help="Directory of the run.")
    constitution: str | None = setting(
        None, help="Constitution, a file or a name; None: what the run or the trained model was made by."
    )
    judge: str | None = setting(None, help="Judge: a model name, or the controls `gold:` and `random:`.")
    protocol: str = setting(
        "compare",
        help="How the judge decides between two completions. A pointwise protocol (`checklist`, `score`) also "
        "chooses which completions are paired.",
    )
    samples: int | None = setting(
        None, help="Texts a question, for protocols that take a vote of several; None: one."
    )
    ask_again: int | None = setting(
        None, help="How often to repeat a question whose answer is unreadable; None: twice."
    )
    pairing: Literal["best-worst", "all", "random", "rank"] = setting(
        "best-worst", help="Which completions of a prompt are compared."
    )
    inconsistent: Literal["drop", "average"] = setting(
        "drop", help="What becomes of a pair whose two orders disagree."
    )
    critique: bool = setting(True, help="Write a critique of the rejected side of each pair.")
    accept_unfit: bool = setting(
        False, help="Keep pairs that rest only on principles that this judge cannot apply."
    )
    min_pair_share: float = setting(
        0.05, help="Share of prompts that must give a pair; below it the result's `unmet` says so."
    )
    limit: int | None = setting(None, help="Use only the first so many prompts.")
    seed: int = setting(0, help="All random numbers derive from it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateConfig(PairOptions):
    """Sample completions, judge them, write pairs."""

    prompts: str | None = setting(
        None, help="Prompts: a file, a `datasets` directory or a bundled set such as `micro:train`."
    )
    column: str | None = setting(
        None, help="Column that holds the prompt, where it is not `prompt` or `messages`."
    )
    policy: tuple[str, ...] = setting((), help="Who writes: a model, or several that take turns.")
    n: int = setting(6, help="Completions a prompt.")
    temperature: float = setting(1.0, help="Temperature of the policy.")
    top_p: float = setting(1.0, help="Nucleus of the policy: the share of probability to draw from.")
    top_k: int = setting(0, help="Draw from so many of the likeliest tokens; 0: from all.")
    min_p: float = setting(0.0, help="Draw no token below this share of the likeliest one's probability.")
    max_tokens: int = setting(256, help="Longest completion, in tokens.")
    drift: int = setting(
        16,
        help="Completions on which the policy's log-probabilities are compared with the trainer's; 0: none.",
    )
    trainer: str | None = setting(
        None, help="Local model that would be trained; None: the policy, where it is local."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig(PairOptions):
    """Judge completions that are there: a run's, or a file's."""

    source: Path = setting(help="Completions to judge: a run, or a file of completions.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig(ModelOptions):
    """Compare a policy with others by a judge, and by gold where the prompts have it."""

    policy: str | None = setting(None, help="Model to evaluate.")
    against: tuple[str, ...] = setting((), help="Models to compare it with, by a win rate each.")
    judge: str | None = setting(None, help="Judge of the comparisons.")
    constitution: str | None = setting(
        None, help="Constitution to judge by, a file or a name; None: what the policy was trained by."
    )
    prompts: str | None = setting(None, help="Held-out prompts: a file, or a bundled set.")
    column: str | None = setting(
        None, help="Column that holds the prompt, where it is not `prompt` or `messages`."
    )
    gold: bool = setting(False, help="Also grade each answer by the gold that its prompt names.")
    temperature: float = setting(1.0, help="Temperature of all models; 0 is greedy.")
    top_p: float = setting(1.0, help="Nucleus: the share of probability to draw from.")
    top_k: int = setting(0, help="Draw from so many of the likeliest tokens; 0: from all.")
    min_p: float = setting(0.0, help="Draw no token below this share of the likeliest one's probability.")
    max_tokens: int = setting(256, help="Longest answer, in tokens.")
    limit: int | None = setting(None, help="Use only the first so many prompts.")
    resamples: int = setting(1000, help="Bootstrap resamples behind each interval.")
    seed: int = setting(0, help="All random numbers derive from it.")
    out: Path | None = setting(None, help="Directory to keep the evaluation in; None: keep nothing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(ModelOptions):
    """Run a recipe."""

    recipe: str = setting(help="Recipe: a file, or the name of a shipped one.")
    out: Path = setting(help="Directory of the run.")
    overrides: Mapping[str, str] = setting(
        default_factory=dict, help="Values that replace the recipe's, by key: `{'rounds': '1'}`."
    )
    policy: str | None = setting(None, help="Policy to start from; None: the recipe's.")
    judge: str | None = setting(None, help="Judge; None: the recipe's.")
    frozen_judge: bool = setting(False, help="Let the starting policy judge every round.")
    constitution: str | None = setting(None, help="Constitution, a file or a name; None: the recipe's.")
    limit: int | None = setting(None, help="Use only the first so many prompts of each set.")
    seed: int | None = setting(None, help="All random numbers derive from it; None: the recipe's.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestConfig(ModelOptions):
    """Put a constitution's own tests to a judge."""

    constitution: str = setting(help="Constitution, a file or a name.")
    judge: str | None = setting(None, help="Judge: a model name.")
    seed: int = setting(0, help="All random numbers derive from it.")

"""The training step: pairs and a model directory in, a model directory out. Says what it replays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlaif.errors import InputError, ThresholdError
from rlaif.exchange.examples import read_examples
from rlaif.exchange.pairs import read_pairs
from rlaif.libraries.versions import TRAINING, require
from rlaif.records import Constitution, Example, Pair
from rlaif.runs.claim import read_run
from rlaif.runs.layout import model_folder, pairs_file
from rlaif.shipped import MODELS
from rlaif.store import find_store
from rlaif.training import TrainSummary
from rlaif.training.gate import GateReport
from rlaif.training.sampled import Sampled
from rlaif.workflows.configs import TrainConfig
from rlaif.workflows.datasets.review import as_reviewed
from rlaif.workflows.generate.unfit import warned
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.recipe.recipes import TrainStep, load_recipe
from rlaif.workflows.training.data_gate import gate_pairs, record_gate
from rlaif.workflows.training.datasets import run_constitution, run_sampled
from rlaif.workflows.training.loop_options import loop_options
from rlaif.workflows.training.methods import USES, check_step, method_of, rank, run_method, step_names
from rlaif.workflows.training.pair_usage import note_usage

REPLAY_SET = "micro:judge"
UNSHOWN = ("learning_rate", "num_tokens", "shared_ratio", "padding_ratio")
"""Metrics that say how the steps were laid out, and nothing of the model; `train.json` has them."""
ONLY = {name for names in USES.values() for name in names}
OPTIONS = {"loss_options": "loss_option"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """All that a training needs, checked."""

    step: TrainStep
    pairs: Sequence[Pair]
    base: Path
    out: Path
    reference_dir: Path | None = None
    """What the step's reference names; None where that is the policy itself, or nothing."""
    replay: Sequence[Example] = ()
    lora: int = 0
    """Rank of the adapter; 0 trains all weights."""
    seed: int = 0
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """As those with which the completions were drawn: training must see the same prompts."""
    card: Mapping[str, str]
    loop: Mapping[str, Any] = field(default_factory=dict)
    """Options of the loop itself."""
    sampled: Mapping[str, Sampled] = field(default_factory=dict)
    """How answers came about, where the run knows."""
    constitution: Constitution | None = None
    """What a judge that is trained was asked by."""
    gate: GateReport | None = None
    """What was left out of the pairs before; None where nobody looked."""
    doubts: Sequence[str] = ()
    """What should be known of how the pairs were judged."""
    reviewed: Mapping[str, int] = field(default_factory=dict)
    """Pairs that were left out or turned because people decided so, by reason."""
    store: Path | None = None
    """Where it is noted which step used which pair; None: found upward from `out`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training came to."""

    job: TrainJob
    outcome: TrainSummary

    @property
    def figures(self) -> dict[str, Any]:
        """What is worth a line on the screen."""
        counts = self.outcome.counts
        refused = sum(counts["pairs"]["refused"].values()) if "pairs" in counts else 0
        shown = {"pairs": len(self.job.pairs), "refused": refused, "steps": self.outcome.steps}
        shares = {f"replay {kind}": share for kind, share in counts.get("replay_share", {}).items()}
        learned = {name: value for name, value in self.outcome.figures.items() if name not in UNSHOWN}
        gate = self.job.gate
        shown |= {f"left out: {name}": count for name, count in gate.left_out.items()} if gate else {}
        shown |= {f"reviewed: {name}": count for name, count in self.job.reviewed.items()}
        return shown | {"learning rate": f"{self.outcome.learning_rate:.2g}"} | shares | learned

    @property
    def summary(self) -> str:
        """One line."""
        return f"{self.job.step.method}: {self.outcome.out}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "out": str(self.outcome.out),
            "method": self.outcome.method,
            "steps": self.outcome.steps,
            "learning_rate": self.outcome.learning_rate,
            "counts": dict(self.outcome.counts),
            "figures": dict(self.outcome.figures),
            "notes": list(self.outcome.notes),
            **({"gate": self.job.gate.as_dict()} if self.job.gate else {}),
            "reviewed": dict(self.job.reviewed),
        }


def settle(config: TrainConfig) -> TrainJob:
    """Read and check everything that can be read without a model. Raises InputError, ThresholdError."""
    require(*TRAINING)
    found = read_run(config.source) if config.source.is_dir() else {}
    pairs = read_pairs(file := pairs_file(config.source))
    _refuse_unreadable(found, config.max_unreadable)
    if not pairs:
        raise InputError(f"{file}: holds no pair; its funnel says why (`rlaif status`, `rlaif report`)")
    pairs, reviewed = as_reviewed(config.source, config.store, pairs, config.reviewed)
    pairs, gated = gate_pairs(config, pairs, found)
    policy = config.policy or (_judged_by if config.method == "judge" else _writer)(config.source, found)
    step = _step(config, policy)
    out = config.out or (model_folder(config.source, config.method) if config.source.is_dir() else None)
    if out is None:
        raise InputError("--out is missing: a pairs file says no place for a model")
    return TrainJob(
        step=step,
        pairs=pairs,
        base=model_directory(policy),
        out=out,
        reference_dir=reference_directory(step, None),
        replay=replay_examples(step, policy),
        lora=config.lora or 0,
        seed=config.seed,
        loop=loop_options(config.loop),
        sampled=run_sampled(config.source, _fingerprint(found, policy)) if config.source.is_dir() else {},
        constitution=run_constitution(config.source) if config.method == "judge" else None,
        chat_template_kwargs=config.chat_template_kwargs,
        card=card(pairs, str(config.source), _judge(found)),
        gate=gated,
        doubts=warned(pairs, found.get("summary") or {}),
        reviewed=reviewed,
        store=find_store(config.source, config.store),
    )


def train(job: TrainJob, progress: Report = silent) -> Trained:
    """Train, or go on with, or only read what is finished already."""

    def report(step: int, steps: int, figures: Mapping[str, float]) -> None:
        shown = next((f" ({name} {figures[name]:.3f})" for name in ("loss",) if name in figures), "")
        progress(f"{job.step.method}{shown if step == steps else ''}", step, steps)

    outcome = run_method(job, report)
    record_gate(outcome.out, job.gate)
    if job.step.method != "judge":  # a judge learns questions about pairs, which are pairs of their own
        note_usage(outcome.out, job.store or find_store(job.out))
    return Trained(job=job, outcome=outcome)


def replay_examples(step: TrainStep, policy: str) -> list[Example]:
    """The examples that the step declares; the bundled models have their own, others must name a file."""
    if not step.replay:
        return []
    source = step.replay_from or (REPLAY_SET if policy in MODELS else None)
    if source is None:
        wanted = ", ".join(step.replay)
        raise InputError(
            f"replay of {wanted} needs examples: name a file of them (--replay-from, or `replay_from`)"
        )
    found = read_examples(source)
    kinds = {each.kind for each in found}
    if missing := [kind for kind in step.replay if kind not in kinds]:
        has = ", ".join(sorted(map(repr, kinds)))
        raise InputError(f"{source}: has no example of kind {missing[0]!r} to replay; it has {has}")
    return [each for each in found if each.kind in step.replay]


def reference_directory(step: TrainStep, initial: str | None) -> Path | None:
    """Where the weights of the step's reference lie: of the first policy, or of a model that it names."""
    if "reference" not in USES[method_of(step)] or step.reference in ("previous", "none"):
        return None
    named = initial if step.reference == "init" else step.reference
    return None if named is None else model_directory(named)


def card(pairs: Sequence[Pair], run: str, judge: str | None = None) -> dict[str, str]:
    """What a model card says of the pairs that made the model; `judge` is the judge's name, where it is known."""
    first = pairs[0].provenance if pairs else {}
    constitution = first.get("constitution") or {}
    return {
        "constitution": f"{constitution.get('name', 'unknown')} {constitution.get('version', '')}".strip(),
        "constitution digest": str(constitution.get("digest", "unknown")),
        "judge": _named(judge, str(first.get("judge", "unknown"))),
        "policy": ", ".join(first.get("policy") or ["unknown"]),
        "run": run,
        "pairs": str(len(pairs)),
    }


def _named(name: str | None, fingerprint: str) -> str:
    return fingerprint if name is None else f"{name} ({fingerprint})"


def _judge(found: Mapping[str, Any]) -> str | None:
    name: str | None = ((found.get("config") or {}).get("judge") or {}).get("name")
    return name


def plan_training(job: TrainJob) -> str:
    """What would be done, for `--dry-run`."""
    values = {name: getattr(job.step, name) for name in job.step.__dataclass_fields__ if name != "step"}
    values["lora"] = f"rank {held}" if (held := rank(job)) else "no, all weights"
    lines = [f"{name}: {value}" for name, value in values.items() if value not in (None, {})]
    return "\n".join([f"pairs: {len(job.pairs)}", f"base: {job.base}", f"out: {job.out}", *lines])


def _step(config: TrainConfig, policy: str) -> TrainStep:
    method = "judge via dpo" if config.method == "judge" and config.via == "dpo" else config.method
    given = {name: getattr(config, name) for name in step_names() if getattr(config, name) is not None}
    if unused := [name for name in given if name in ONLY and name not in USES[method]]:
        option = OPTIONS.get(unused[0], unused[0]).replace("_", "-")
        raise InputError(f"--{option} is not used by --method {method}; leave it out")
    base = TrainStep(method=config.method, reference="init")
    if config.method != "dpo":
        base = TrainStep(method=config.method)
    elif policy in MODELS:
        base = replace(_shipped_step(), reference="init")
        if config.loss is not None and config.beta is None and config.loss not in ("soft", "hard"):
            base = replace(base, beta=None)  # the recipe's is for its own loss
        if (
            config.lora
        ):  # the recipe's rate is for all weights; an adapter needs a larger one, its own default
            base = replace(base, learning_rate=None)
    if config.epochs is not None and config.steps is None:
        base = replace(base, steps=None)  # asked for by passes over the pairs, not the recipe's own number
    step = replace(base, **given)
    check_step(step, "train")
    return step


def _shipped_step() -> TrainStep:
    recipe = load_recipe("self-rewarding")
    return next(step for step in recipe.round if isinstance(step, TrainStep))


def _writer(source: Path, found: Mapping[str, Any]) -> str:
    policies = (found.get("config") or {}).get("policies") or []
    if len(policies) != 1:
        raise InputError(f"--policy is missing: {source} does not say which one model is to be trained")
    return str(policies[0]["name"])


def _judged_by(source: Path, found: Mapping[str, Any]) -> str:
    name: str | None = ((found.get("config") or {}).get("judge") or {}).get("name")
    if name is None:
        raise InputError(f"--policy is missing: {source} does not say which judge is to be trained")
    return name


def _fingerprint(found: Mapping[str, Any], policy: str) -> str | None:
    """By which the run's completions name the model that trains, if it wrote some of them."""
    policies = (found.get("config") or {}).get("policies") or []
    return next((str(each["fingerprint"]) for each in policies if each["name"] == policy), None)


def _refuse_unreadable(found: Mapping[str, Any], limit: float) -> None:
    share = (found.get("summary") or {}).get("unreadable_share")
    if share is not None and share > limit:
        raise ThresholdError(
            f"{share:.1%} of the judgments are unreadable, limit {limit:.1%}: "
            "ask another judge, or raise --max-unreadable"
        )

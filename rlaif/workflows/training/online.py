"""`rlaif train grpo` and its siblings outside of a recipe: prompts and a reward in, a trained policy out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.constitution import load_principles
from rlaif.errors import InputError
from rlaif.exchange.prompts import read_prompts
from rlaif.hashing import digest
from rlaif.libraries.versions import TRAINING, require
from rlaif.records import GroupReward, Prompt
from rlaif.review.panels import Panel
from rlaif.review.training_charts import of_training
from rlaif.settings import setting
from rlaif.store import Store, find_store
from rlaif.training import LoopConfig, TrainSummary
from rlaif.training.gate import pass_prompts
from rlaif.training.online.together import prompt_order
from rlaif.workflows.configs import PROMPTS, RUN, ModelOptions
from rlaif.workflows.dry_run import cost as planning
from rlaif.workflows.dry_run.cost import DryRunPlan, PlannedModels
from rlaif.workflows.dry_run.rollouts import plan_rewards
from rlaif.workflows.generate.judge_step import in_writing
from rlaif.workflows.kept_progress import KeptProgress
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import two_marks
from rlaif.workflows.models.usage import usage
from rlaif.workflows.progress import Ready, Report, at_once, silent
from rlaif.workflows.results import Result
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.spec import RewardSpec
from rlaif.workflows.training.alarm.inputs import AlarmInputs
from rlaif.workflows.training.alarm.open import alarm_inputs, open_alarm, plan_alarm
from rlaif.workflows.training.data_gate import gate_words, record_gate
from rlaif.workflows.training.job import TrainJob, rollout_card
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.online_options import OnlineOptions, drawn_by
from rlaif.workflows.training.options import DATA, TRAINED
from rlaif.workflows.training.plan import plan_training
from rlaif.workflows.training.probed_reward import ProbedReward
from rlaif.workflows.training.read_options import check_given, check_options
from rlaif.workflows.training.reward_coverage import (
    KEY,
    coverage_warnings,
    record_coverage,
    reward_coverage,
)
from rlaif.workflows.training.run import reference_directory

if TYPE_CHECKING:
    from rlaif.libraries.datasets import Dataset

CONSTITUTION = "micro-default"
WHERE = "--reward"
"""Where the reward stands, for messages."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineTrainConfig(ModelOptions):
    """Train a policy on its own answers to prompts, as a reward says how good they are."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those options of the method that were given, by name."""
    prompts: str = setting(
        help="Prompts: a file (JSONL, JSON, CSV, Parquet, text), a `datasets` directory or a bundled set.",
        group=PROMPTS,
    )
    held_out: str | None = setting(
        None, help="Prompts of your evaluation: those that ask one of them are left out.", group=PROMPTS
    )
    limit: int | None = setting(None, help="Use only the first N prompts.", least=1, group=PROMPTS)
    policy: str = setting(help="Model that is trained: a directory, or micro.", group=TRAINED)
    constitution: str = setting(
        CONSTITUTION, help="Constitution by which judges judge: a file or a name.", group=DATA
    )
    thought_marks: tuple[str, ...] | None = setting(
        None,
        help="What the model writes around its thought, where its template does not tell.",
        metavar="'START END'",
        read=two_marks,
        wanted="a list of two texts, [START, END]",
        group=DATA,
    )
    seed: int = setting(0, help="All random numbers derive from it.", group=RUN)
    out: Path = setting(help="Model directory.", group=RUN)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OnlineTrained(Result):
    """What came of a training on rollouts: the model directory, and what was measured on the way."""

    job: TrainJob
    outcome: TrainSummary
    costs: Mapping[str, Any]
    """Calls, tokens and money of the reward, by model."""

    @property
    def out(self) -> Path:
        """The model directory: a name of the model wherever one is named."""
        return self.outcome.out

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: the method, where the model lies, how much it learned from."""
        told = {"method": self.job.method, "out": str(self.out), "prompts": len(self.job.prompts)}
        return told | {"steps": self.outcome.steps}

    def to_dataset(self) -> Dataset:
        """The figures of the training as a `datasets.Dataset`, a row each: `figure` and `value`."""
        from rlaif.exchange.frames import figures_dataset

        rows = [{"figure": name, "value": each} for name, each in self.outcome.figures.items()]
        return figures_dataset(rows, texts=("figure",))

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        return ("figure", "value"), [(name, f"{each:.4g}") for name, each in self.outcome.figures.items()]

    def _panels(self) -> Sequence[Panel]:
        return of_training(self.out)

    @property
    def figures(self) -> dict[str, Any]:
        """Figures for the screen."""
        hidden = METHODS.get(self.job.method).hidden
        learned = {name: value for name, value in self.outcome.figures.items() if name not in hidden}
        shown: dict[str, Any] = {"prompts": len(self.job.prompts), "steps": self.outcome.steps}
        known = [each for each in self.job.coverage if each.known]
        shown |= {f"unlike those of {each.model}": f"{each.unlike} ({each.share:.1%})" for each in known}
        return {**shown, "learning rate": f"{self.outcome.learning_rate:.2g}", **learned}

    @property
    def notes(self) -> list[str]:
        """What is worth a sentence, prompts that were left out before all."""
        return [*(gate_words(self.job.gate) if self.job.gate else ()), *self.outcome.notes]

    @property
    def summary(self) -> str:
        """One line: the method and the model directory."""
        return f"{self.job.method}: {self.outcome.out}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "out": str(self.outcome.out),
            "method": self.outcome.method,
            "steps": self.outcome.steps,
            "learning_rate": self.outcome.learning_rate,
            "counts": dict(self.outcome.counts),
            "figures": dict(self.outcome.figures),
            "notes": list(self.notes),
            "costs": dict(self.costs),
            KEY: [each.as_dict() for each in self.job.coverage],
        }


def online_train_config(method: str, **given: Any) -> OnlineTrainConfig:
    """The configuration of one call: `given` are fields of `OnlineTrainConfig` and options of the method.

    None stands for an option that is not given. Raises InputError for a name or a value that is wrong.
    """
    common = set(OnlineTrainConfig.__dataclass_fields__) - {"method", "options"}
    named = {name: value for name, value in given.items() if value is not None}
    for name in ("out", "store"):
        if name in named:
            named[name] = Path(named[name])
    own = {name: value for name, value in named.items() if name not in common}
    return OnlineTrainConfig(
        method=method,
        options=check_given(METHODS.get(method), own, "train"),
        **{name: value for name, value in named.items() if name in common},
    )


def settle_online(config: OnlineTrainConfig, own: GroupReward | None = None) -> TrainJob:
    """Read and check everything that can be read without a model; the job has no reward yet, but `own`.

    Raises InputError.
    """
    require(*TRAINING)
    method = METHODS.get(config.method)
    # what is open already is checked as any reward that somebody wrote
    written = (
        {} if own is None else {"reward": [{"function": f"{type(own).__module__}:{type(own).__qualname__}"}]}
    )
    options = method.options(**{**config.options, **written})
    check_options(method, options, "train")
    held_out = read_prompts(config.held_out) if config.held_out is not None else []
    prompts, gate = pass_prompts(read_prompts(config.prompts, limit=config.limit), held_out=held_out)
    base, other = model_directory(config.policy), reference_directory(options, None)
    method.fits(options, base, other)
    rules = load_principles(config.constitution)
    spec = reward_parts(method.reward_of(options), WHERE) if method.reward_of is not None else None
    marks = config.thought_marks
    if marks is not None and len(marks) != 2:
        raise InputError(f"thought_marks is {list(marks)}; give two marks: START END")
    job = TrainJob(
        method=method.name,
        options=options,
        pairs=(),
        prompts=prompts,
        gate=gate if held_out else None,
        coverage=reward_coverage(spec, prompts) if spec is not None else (),
        base=base,
        out=config.out,
        reference_dir=other,
        seed=config.seed,
        chat_template_kwargs=config.chat_template_kwargs,
        thought_marks=(marks[0], marks[1]) if marks else None,
        trust_remote_code=config.trust_remote_code,
        constitution=rules,
        card=rollout_card(
            rules,
            () if spec is None else spec.names,
            {"prompts": f"{len(prompts)} of {config.prompts}"},
        ),
        reward=own,
        origins={name: "given" for name in config.options},
    )
    return job if spec is None else replace(job, looked=_alarm(config, job, spec))


def train_on_rollouts(
    config: OnlineTrainConfig, job: TrainJob, progress: Report = silent, ready: Ready = at_once
) -> OnlineTrained:
    """Train, or go on with a training, or only read one that is finished."""
    method, spec = METHODS.get(job.method), _spec(job)
    progress = KeptProgress(job.out, progress)
    models = ModelPool(config, progress, config.seed, in_writing(*spec.protocols))

    def report(step: int, steps: int, figures: Mapping[str, float]) -> None:
        progress(job.method, step, steps, figures=figures)

    for doubt in coverage_warnings(job.coverage):
        _log.warning("%s", doubt)
    with Store.open(find_store(config.out, config.store)) as store:
        models.record(store, digest("online", str(config.out)))
        try:
            assert job.constitution is not None
            reward = job.reward
            if reward is None:
                opened = open_reward(spec, models, job.constitution, seed=config.seed, where=WHERE)
                reward = ProbedReward(opened, WHERE)
            ready()
            alarm = None if job.looked is None else open_alarm(job.looked, models, job)
            with METHODS.guarded(job.method):
                outcome = method.run(replace(job, reward=reward, alarm=alarm), report)
            costs = usage(models, store, ())
            record_gate(outcome.out, job.gate)
            record_coverage(outcome.out, job.coverage)
        finally:
            models.close()
    return OnlineTrained(job=job, outcome=outcome, costs=costs)


def plan_online(config: OnlineTrainConfig, job: TrainJob) -> DryRunPlan:
    """What would be done, and what the reward would cost, for `--dry-run`. Opens no model."""
    method, spec = METHODS.get(job.method), _spec(job)
    assert method.loop_of is not None
    assert job.constitution is not None
    loop, _ = method.loop_of(job)
    order = prompt_order(loop, job.prompts)
    assert isinstance(job.options, OnlineOptions), "only methods that draw rollouts are planned here"
    count, looked = job.options.n, job.looked
    lines = [
        *plan_training(job).splitlines(),
        f"rollouts: {order.steps} steps of {order.batch_size} prompts with {count} each, {drawn_by(job.options)}",
        *(each.words for each in job.coverage),
        f"judged: by {', '.join(spec.names) or 'a function'}, constitution {job.card['constitution']}",
        f"calls: in {find_store(config.out, config.store)}",
    ]
    models = PlannedModels(config, seed=config.seed, in_writing=in_writing(*spec.protocols))
    with planning.planning(models, find_store(config.out, config.store)):
        reward = open_reward(spec, models, job.constitution, seed=config.seed, where=WHERE)
        plan_rewards(
            reward,
            models,
            step_prompts(loop, job.prompts),
            group=count,
            max_tokens=job.options.max_tokens,
            seed=config.seed,
        )
        if looked is not None:
            plan_alarm(looked, models, steps=order.steps, seed=job.seed)
        return DryRunPlan(lines, planning.estimate(models))


def step_prompts(loop: LoopConfig, prompts: Sequence[Prompt]) -> Iterator[list[Prompt]]:
    """The prompts of each step, as its training takes them."""
    distinct = list({each.id: each for each in prompts}.values())
    order = prompt_order(loop, distinct)
    return ([distinct[row] for row in order.rows(step)] for step in range(order.steps))


def _alarm(config: OnlineTrainConfig, job: TrainJob, spec: RewardSpec) -> AlarmInputs | None:
    """The alarm of a job, checked."""
    return alarm_inputs(
        job,
        where="train",
        held_out=read_prompts(config.held_out) if config.held_out is not None else (),
        rewarded_by=spec.names,
        constitution=job.constitution,
    )


def _spec(job: TrainJob) -> RewardSpec:
    reward_of = METHODS.get(job.method).reward_of
    assert reward_of is not None, "only methods that draw rollouts are run here"
    return reward_parts(reward_of(job.options), WHERE)

"""A train step whose method draws rollouts: its prompts, its reward, and what both would cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.hashing import derived_seed, digest
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.judging.rbr import Weights
from rlaif.records import Prompt
from rlaif.runs.identity import described_prompts
from rlaif.training.gate import GateReport
from rlaif.training.order import Order
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.dry_run.rollouts import plan_rewards
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.recipe.step import Job
from rlaif.workflows.recipe.step_inputs import columns_of
from rlaif.workflows.recipe.train_step import TrainStep
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.spec import RewardSpec
from rlaif.workflows.training.alarm.open import JUDGE, alarm_inputs, open_alarm, plan_alarm
from rlaif.workflows.training.alarm.option import alarm_spec
from rlaif.workflows.training.data_gate import gate_round_prompts
from rlaif.workflows.training.job import TrainJob, rollout_card
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.online import step_prompts
from rlaif.workflows.training.online_options import further_weights
from rlaif.workflows.training.options import MethodOptions
from rlaif.workflows.training.probed_reward import ProbedReward
from rlaif.workflows.training.reward_coverage import coverage_warnings, reward_coverage
from rlaif.workflows.training.run import reference_directory

_log = logging.getLogger(__name__)


def draws_rollouts(settings: TrainStep) -> bool:
    """Whether the method of a train step learns from rollouts of the policy."""
    return METHODS.get(settings.method).reward_of is not None


def reward_spec(settings: TrainStep, where: str) -> RewardSpec:
    """The reward of such a step."""
    reward_of = METHODS.get(settings.method).reward_of
    assert reward_of is not None, "asked of methods that draw rollouts"
    return reward_parts(reward_of(settings.options), where)


def named_models(settings: TrainStep) -> tuple[str, ...]:
    """What such a step names beside the policy: roles of the recipe, models that steps made, others."""
    spec = alarm_spec(settings.options.alarm, "train")
    looks = spec.names if spec is not None else ()
    if spec is not None and spec.judge is None:
        looks = (*looks, JUDGE)
    if not draws_rollouts(settings):
        return looks
    return (
        *looks,
        *reward_spec(settings, "train").names,
        *settings.options.further_named.values(),
    )


def named_files(settings: TrainStep) -> tuple[str, ...]:
    """What the reward of such a step names that may be a file of an earlier step: rubrics, weights of rules."""
    if not draws_rollouts(settings):
        return ()
    spec = reward_spec(settings, "train")
    rubrics = (str(each.rubrics) for each in spec.leaves if each.rubrics is not None)
    return tuple(dict.fromkeys((*rubrics, *spec.names)))


def online_training(
    job: Job, base: str, options: MethodOptions, known: Mapping[str, Sequence[Prompt]]
) -> tuple[TrainJob, GateReport]:
    """The training of such a step, without its reward, and which of its prompts are held out; `known` are all sets."""
    recipe = job.prepared.recipe
    prompts, gate = gate_round_prompts(job.value("prompts"), known)
    rules = job.constitution
    # a dry run needs no weights, and those that a step is to make are not there yet
    planned = isinstance(job.models, PlannedModels)
    training = TrainJob(
        method=job.settings.method,
        options=options,
        pairs=(),
        prompts=prompts,
        gate=gate,
        base=Path(base) if planned else model_directory(base),
        out=job.out,
        reference_dir=None if planned else reference_directory(options, recipe.models.policy),
        # each round draws others: the first as the training alone would
        seed=job.seed if job.round <= 1 else derived_seed("round", job.seed, job.round),
        constitution=rules,
        chat_template_kwargs={
            **job.prepared.config.chat_template_kwargs,
            **job.pool("trains").requests(base).chat_template_kwargs,
        },
        thought_marks=job.pool("trains").role.marks,
        trust_remote_code=job.prepared.config.trust_remote_code,
        card=rollout_card(
            rules,
            reward_spec(job.settings, job.task.entry.where).names,
            {"run": f"{recipe.name}, round {job.round}"},
        ),
    )
    return with_alarm(job, training), gate


def with_alarm(job: Job, training: TrainJob) -> TrainJob:
    """The training with what its alarm is to look at, where it has one."""
    return replace(
        training,
        looked=alarm_inputs(
            training,
            where=job.task.entry.where,
            held_out=job.prepared.prompts.get("held_out", ()),
            sets=job.prepared.prompts,
            rewarded_by=reward_spec(job.settings, job.task.entry.where).names
            if draws_rollouts(job.settings)
            else (),
            constitution=job.constitution,
            stands=job.task.stands,
            asked=job.role,
        ),
    )


def opened_reward(job: Job) -> PartsReward:
    """The reward of such a step, its judges and models open."""
    return open_reward(
        reward_spec(job.settings, job.task.entry.where),
        job.models,
        job.constitution,
        seed=job.seed,
        where=job.task.entry.where,
        stands=job.task.stands,
        asked=job.role,
        made=job.named(named_files(job.settings)),
    )


def with_reward(job: Job, training: TrainJob) -> TrainJob:
    """The training with its reward open; said before it begins: prompts that its reward models know nothing of."""
    spec = reward_spec(job.settings, job.task.entry.where)
    rules = [(name, each) for name, each in job.named(spec.names).items() if isinstance(each, Weights)]
    below = {name: (each.base or each.judge or {})["name"] for name, each in rules}
    covered = reward_coverage(spec, training.prompts, {**job.task.stands, **below})
    for doubt in coverage_warnings(covered):
        _log.warning("%s", doubt)
    return replace(training, reward=ProbedReward(opened_reward(job), job.task.entry.where), coverage=covered)


def plan(job: Job, training: TrainJob) -> None:
    """Ask what the reward of all steps would ask, of models that answer nothing."""
    method = METHODS.get(training.method)
    if not isinstance(job.models, PlannedModels) or method.loop_of is None:
        return
    loop, _ = method.loop_of(training)
    own = asdict(training.options)
    plan_rewards(
        opened_reward(job),
        job.models,
        step_prompts(loop, training.prompts),
        group=own["n"],
        max_tokens=own["max_tokens"],
        seed=training.seed,
    )


def plan_look(job: Job, training: TrainJob, steps: int | None = None) -> None:
    """Ask what the alarm of a training would ask, of models that answer nothing; `steps` where its rows do not tell."""
    loop_of = METHODS.get(training.method).loop_of
    if training.looked is None or loop_of is None or not isinstance(job.models, PlannedModels):
        return
    loop, rows = loop_of(training)
    steps = steps or Order.of(loop, max(1, rows), "plan").steps
    plan_alarm(training.looked, job.models, steps=steps, seed=training.seed)


def alarm_key(job: Job, training: TrainJob) -> dict[str, Any]:
    """For the key of a step: what its alarm would go by; nothing where it has none."""
    if training.looked is None:
        return {}
    return {"alarm": open_alarm(training.looked, job.models, training).fingerprint}


def online_inputs(job: Job, training: TrainJob, base: str) -> Mapping[str, Any]:
    """All that decides what such a step makes."""
    held_to = training.reference_dir
    return {
        "policy": job.pool("trains").fingerprint(base),
        "reference": None
        if held_to is None
        else model_fingerprint(held_to, own_code=job.prepared.config.trust_remote_code),
        "prompts": described_prompts(training.prompts),
        # a reward may read the rows of its prompts: known answers, known verdicts
        **({"columns": digest("columns", columns)} if (columns := columns_of(training.prompts)) else {}),
        "step": job.settings.as_dict(),
        "reward": opened_reward(job).fingerprint,
        **further_weights(training.options, trust_remote_code=job.prepared.config.trust_remote_code),
        "seed": training.seed,
        **alarm_key(job, training),
        **job.told("trains"),
    }

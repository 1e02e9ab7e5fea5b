"""From what a train step says of its alarm to one that can look; what cannot work is refused before any rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlaif.constitution import load_principles
from rlaif.errors import InputError, RecipeError
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.hashing import derived_seed
from rlaif.judging.reward_judge import PREFIX as REWARD
from rlaif.records import Constitution, GroupReward, Pair, Prompt, Sampling
from rlaif.store import find_store
from rlaif.training.gate import asking_again
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.dry_run.cost import PlannedModels, estimate, planning
from rlaif.workflows.dry_run.rollouts import plan_rewards
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.training.alarm.inputs import AlarmInputs, plainly
from rlaif.workflows.training.alarm.live import LiveAlarm
from rlaif.workflows.training.alarm.option import AlarmSpec, alarm_spec
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.plan import plan_steps

USUAL_TOKENS = 256
JUDGE = "judge"
"""The role of a recipe whose judge is held out where it is not the reward."""


def alarm_inputs(
    job: TrainJob,
    *,
    where: str,
    held_out: Sequence[Prompt] = (),
    sets: Mapping[str, Sequence[Prompt]] | None = None,
    rewarded_by: Sequence[str] = (),
    constitution: Constitution | None = None,
    stands: Mapping[str, str] | None = None,
    asked: Callable[[str], RoleOptions] = plainly,
) -> AlarmInputs | None:
    """Read and check the alarm of a job; None where it has none.

    Args:
        job: what is trained; its prompts, pairs and examples are what the anchor must not share.
        where: place of the option, for messages.
        held_out: prompts that nothing is trained on.
        sets: of a recipe, by name.
        rewarded_by: judges and models of the reward, as they are spelled.
        constitution: by which judges judge.
        stands: models by the names of a recipe.
        asked: how such a model is asked.

    Raises:
        RecipeError: nobody but the reward would look, or the judge is the reward, or the anchor is trained on.
        InputError: a file that cannot be read.
    """
    spec = alarm_spec(job.options.alarm, where)
    if spec is None:
        return None
    names = dict(stands or {})
    if (
        spec.judge is None
        and JUDGE in names
        and names[JUDGE] not in {names.get(each, each) for each in rewarded_by}
    ):
        spec = replace(spec, judge=JUDGE)
    _refuse_the_reward(spec, names, rewarded_by, where)
    if spec.judge is None and not spec.ensemble and spec.anchor is None:
        raise RecipeError(
            f"{where}: alarm: nobody but the reward would look at the policy; name a judge other than the reward "
            "(judge), pairs of known order (anchor), or reward models (ensemble)"
        )
    if spec.constitution is not None:
        constitution = load_principles(spec.constitution)
    if spec.names and constitution is None:
        raise RecipeError(
            f"{where}: alarm: by which constitution its judge judges is not known; name it: constitution"
        )
    trained = _trained(job)
    anchor = _anchor(spec, trained, where)
    return AlarmInputs(
        spec=spec,
        prompts=_prompts(spec, held_out, sets or {}, trained, job.seed, where),
        anchor=anchor,
        where=where,
        constitution=constitution,
        max_tokens=getattr(job.options, "max_tokens", USUAL_TOKENS),
        stands=names,
        asked=asked,
    )


def open_alarm(inputs: AlarmInputs, models: ModelPool, job: TrainJob) -> LiveAlarm:
    """The alarm, its judges open.

    Raises RecipeError naming what cannot be opened or cannot judge so, and a judge that labelled the pairs itself.
    """
    _refuse_the_labeller(inputs, models, job.pairs)
    judge, ensemble = _rewards(inputs, models, job.seed)
    return LiveAlarm(
        spec=inputs.spec,
        models=models,
        base=str(job.base),
        prompts=inputs.prompts,
        out=job.out,
        sampling=Sampling(temperature=1.0, max_tokens=inputs.max_tokens),
        seed=job.seed,
        judge=judge,
        ensemble=ensemble,
        anchor=inputs.anchor,
    )


def alarm_cost(job: TrainJob) -> dict[str, Any] | None:
    """What the looks of a training outside of recipes would ask, with its cost; None where nothing looks."""
    plan = plan_steps(job)
    if job.looked is None or plan is None:
        return None
    options = ModelOptions(
        chat_template_kwargs=job.chat_template_kwargs, trust_remote_code=job.trust_remote_code
    )
    models = PlannedModels(options, seed=job.seed)
    with planning(models, job.store or find_store(job.out)):
        plan_alarm(job.looked, models, steps=plan.steps, seed=job.seed)
        return estimate(models)


def plan_alarm(inputs: AlarmInputs, models: PlannedModels, *, steps: int, seed: int) -> None:
    """Ask what all looks would ask, of models that answer nothing."""
    judge, ensemble = _rewards(inputs, models, seed)
    for each in (*([judge] if judge is not None else ()), *ensemble):
        batches = [inputs.prompts] * inputs.checks(steps)
        plan_rewards(each, models, batches, group=1, max_tokens=inputs.max_tokens, seed=seed)


def _rewards(
    inputs: AlarmInputs, models: ModelPool, seed: int
) -> tuple[GroupReward | None, list[GroupReward]]:
    spec = inputs.spec

    def opened(part: Mapping[str, Any]) -> GroupReward:
        assert inputs.constitution is not None, "whoever asks a judge has a constitution"
        return open_reward(
            reward_parts([dict(part)], f"{inputs.where}: alarm"),
            models,
            inputs.constitution,
            seed=seed,
            where=f"{inputs.where}: alarm",
            stands=inputs.stands,
            asked=inputs.asked,
        )

    judge = None
    if spec.judge is not None:
        asks = {"protocol": spec.protocol} if spec.protocol is not None else {}
        judge = opened({"judge": spec.judge, **asks})
    return judge, [opened({"model": each}) for each in spec.ensemble]


def _refuse_the_reward(
    spec: AlarmSpec, stands: Mapping[str, str], rewarded_by: Sequence[str], where: str
) -> None:
    if spec.judge is None:
        return
    rewards = {stands.get(each, each).removeprefix(REWARD) for each in rewarded_by}
    if stands.get(spec.judge, spec.judge).removeprefix(REWARD) in rewards:
        raise RecipeError(
            f"{where}: alarm: judge {spec.judge} is the reward itself, which says nothing when it is exploited; name "
            "another judge"
        )


def _refuse_the_labeller(inputs: AlarmInputs, models: ModelPool, pairs: Sequence[Pair]) -> None:
    """Of pairs, whoever labelled them is the reward."""
    spec = inputs.spec
    if spec.judge is None:
        return
    name = inputs.stands.get(spec.judge, spec.judge)
    labelled = sum(each.provenance.get("judge") == models.fingerprint(name) for each in pairs)
    if labelled:
        raise RecipeError(
            f"{inputs.where}: alarm: judge {spec.judge} labelled {labelled} of the {len(pairs)} pairs that are trained "
            "on: it is the reward itself, which says nothing when it is exploited; name another judge"
        )


def _trained(job: TrainJob) -> list[Prompt]:
    """What is trained on, as prompts."""
    pairs = [Prompt(messages=each.prompt, tools=each.tools) for each in job.pairs]
    examples = [Prompt(messages=each.messages[: -each.learned], tools=each.tools) for each in job.examples]
    return list({each.id: each for each in (*job.prompts, *pairs, *examples)}.values())


def _anchor(spec: AlarmSpec, trained: Sequence[Prompt], where: str) -> list[Pair]:
    if spec.anchor is None:
        return []
    pairs = read_pairs(Path(spec.anchor))
    if len(pairs) < 8:
        raise RecipeError(
            f"{where}: alarm: anchor {spec.anchor} holds {len(pairs)} pairs; 8 or more say something"
        )
    if several := sum(len(each.chosen) != 1 or len(each.rejected) != 1 for each in pairs):
        raise RecipeError(
            f"{where}: alarm: anchor {spec.anchor}: {several} of {len(pairs)} pairs have sides of several turns; give "
            "pairs of one answer each"
        )
    asked = [Prompt(messages=each.prompt, tools=each.tools) for each in pairs]
    shared = asking_again(asked, trained)
    if shared:
        raise RecipeError(
            f"{where}: alarm: anchor {spec.anchor}: {len(shared)} of its {len(pairs)} prompts are trained on, the "
            f"first of them {shared[0].messages[-1].content[:60]!r}; leave them out of one of the two"
        )
    return list(pairs)


def _prompts(
    spec: AlarmSpec,
    held_out: Sequence[Prompt],
    sets: Mapping[str, Sequence[Prompt]],
    trained: Sequence[Prompt],
    seed: int,
    where: str,
) -> list[Prompt]:
    """So many of the prompts that are meant, by an order of the seed."""
    if spec.prompts is not None:
        found = list(sets[spec.prompts]) if spec.prompts in sets else read_prompts(spec.prompts)
    else:
        found = list(held_out) or list(trained)
    if len(found) < 8:
        raise RecipeError(
            f"{where}: alarm: there are {len(found)} prompts to look at; 8 or more say something"
        )
    if spec.prompts is not None and (shared := asking_again(found, trained)) and len(shared) == len(found):
        raise InputError(f"{where}: alarm: all prompts of {spec.prompts} are trained on; name others")
    return sorted(found, key=lambda each: derived_seed(seed, "alarm prompts", each.id))[: spec.count]

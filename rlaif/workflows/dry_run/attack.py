"""What `rlaif attack` would ask, and what it would cost: `--dry-run`."""

from __future__ import annotations

from pathlib import Path

from rlaif.store import find_store
from rlaif.workflows.attack.kinds import ATTACKS
from rlaif.workflows.attack.prepare import BY, WHERE, AttackJob
from rlaif.workflows.attack.run import draw_answers, named
from rlaif.workflows.dry_run import cost as planning
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.dry_run.rollouts import plan_rewards
from rlaif.workflows.generate.judge_step import in_writing
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.spec import RewardSpec


def plan(job: AttackJob) -> planning.DryRunPlan:
    """What would be done, and what it would cost at most: all texts differ, and a second judge sees the last ones.

    What honest answers were drawn before is known; which texts a search comes to is not.
    """
    config = job.config
    kinds = [ATTACKS.get(name) for name in job.attacks]
    searched = sum(each.texts(config) for each in kinds)
    lines = [
        f"attack {named(job.spec)} by {', '.join(job.attacks)}",
        f"honest answers: {config.n} of {config.policy} to each of {len(job.prompts)} prompts",
        f"texts: at most {searched} per prompt; draws for the extremes: {sum(each.draws(config) for each in kinds)}",
        f"judged: by {'nobody but gold' if job.by is None else named(job.by)}",
    ]
    place = find_store(config.out or Path.cwd() / "attack", config.store)
    names = [*job.spec.protocols, *(job.by.protocols if job.by else ())]
    models = PlannedModels(config, seed=config.seed, in_writing=in_writing(*names))
    with planning.planning(models, place, config.out):
        draw_answers(job, models, str(config.policy), config.n, "honest")
        if drawn := sum(each.draws(config) for each in kinds):
            draw_answers(job, models, config.attacker or str(config.policy), drawn, "extremes")
        _play(job, job.spec, models, WHERE, config.n + searched)
        if job.by is not None:
            _play(job, job.by, models, BY, config.n + len(kinds))
        return planning.DryRunPlan(lines, planning.estimate(models))


def _play(job: AttackJob, spec: RewardSpec, models: PlannedModels, where: str, count: int) -> None:
    """Ask a reward about so many texts to come of each prompt."""
    config = job.config
    reward = open_reward(spec, models, job.constitution, seed=config.seed, where=where)
    plan_rewards(reward, models, [job.prompts], group=count, max_tokens=config.max_tokens, seed=config.seed)

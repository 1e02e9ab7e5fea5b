"""What an evaluation tells beside win rates and gold where it is asked to: sets by name, and the KL of the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.auditing.intervals import Resampling, mean_interval
from rlaif.errors import InputError
from rlaif.feedback.system_turn import SystemTurn
from rlaif.records import Completion, Judgment, Principle, Prompt, Sampling
from rlaif.workflows.configs import EvaluateConfig
from rlaif.workflows.evaluation.behaviours import Shown
from rlaif.workflows.evaluation.named_sets.figures import SetFigure, set_figures
from rlaif.workflows.evaluation.named_sets.named_set import AskJudge, ModelOfSet, NamedSet
from rlaif.workflows.evaluation.named_sets.open import own_names
from rlaif.workflows.evaluation.named_sets.own import OWN, own_readings
from rlaif.workflows.evaluation.policy_kl import log_ratios
from rlaif.workflows.generate.rollouts import answers
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions

Writers = Mapping[str, tuple[str, RoleOptions | None]]
"""By what figures call a model its name and its role: the policy first."""
Systems = tuple[SystemTurn | None, SystemTurn | None]
"""What stands before the prompts of the policy, and of those that it is compared with."""


def require_readers(config: EvaluateConfig) -> None:
    """Raise InputError where nobody could say what a set of the prompts themselves reads."""
    if (own := own_names(config.sets)) and not config.gold and config.judge is None:
        raise InputError(
            f"--sets {own[0]}: who says what answers show? Name a judge (--judge), or gold (--gold)"
        )


def measured_sets(
    config: EvaluateConfig,
    models: ModelPool,
    sets: Sequence[NamedSet],
    writers: Writers,
    shown: Mapping[str, Shown],
) -> tuple[SetFigure, ...]:
    """The figures of every set, of each model. `shown` is what the answers to the prompts show, once there."""
    resampling = Resampling(resamples=config.resamples, seed=config.seed)
    found: list[SetFigure] = []
    for name in own_names(config.sets) if shown else ():
        by_model = {model: {name: own_readings(each, name)} for model, each in shown.items()}
        found += set_figures(name, {name: OWN[name].says}, by_model, resampling)
    for each in sets:
        read = {called: each.measure(_asked(config, models, *who)) for called, who in writers.items()}
        found += set_figures(each.name, each.says, read, resampling)
    return tuple(found)


def _asked(config: EvaluateConfig, models: ModelPool, name: str, role: RoleOptions | None) -> ModelOfSet:
    """A model of the evaluation as a set asks it."""

    def ask(prompts: Sequence[Prompt], limits: Sampling) -> dict[str, str]:
        drawn = answers(models.acting(role), name, prompts, limits, config.seed)
        return {each.prompt_id: each.text for each in drawn.completions if not each.open_thought}

    return ModelOfSet(engine=models.acting(role).writer(name), ask=ask, judge=_judge(config, models))


def _judge(config: EvaluateConfig, models: ModelPool) -> AskJudge | None:
    if config.judge is None:
        return None
    judge = models.acting(config.judge_options).judge(config.judge)

    def ask(answered: Sequence[tuple[Prompt, str]], principles: Sequence[Principle]) -> Sequence[Judgment]:
        items = [(prompt, Completion(prompt_id=prompt.id, text=text, policy="")) for prompt, text in answered]
        return judge.checklist(items, principles)

    return ask


def divergences(
    config: EvaluateConfig,
    models: ModelPool,
    writers: Writers,
    drawn: Sequence[tuple[Prompt, Completion]],
    systems: Systems,
) -> tuple[dict[str, Any], list[str]]:
    """KL(policy || other) of each other model in nats per answer, and what could not be scored; or nothing.

    The mean log-ratio over the policy's own answers (Monte Carlo), with a bootstrap interval over prompts; the end
    token is left out. Right at temperature 1 alone: what is drawn otherwise is not the policy's distribution.
    """
    if not config.kl:
        return {}, []
    own, *others = writers
    policy = models.acting(writers[own][1]).writer(writers[own][0])
    ended = [each for each in drawn if not each[1].open_thought]
    found: dict[str, Any] = {}
    told: list[str] = []
    for called in others:
        name, role = writers[called]
        scored = log_ratios(policy, models.acting(role).writer(name), ended, *systems)
        told += scored.told
        values = list(enumerate(scored.known.values()))
        interval = mean_interval(values, resamples=config.resamples, seed=config.seed, limits=None)
        if interval is not None:
            found[called] = {
                "value": interval.value,
                "low": interval.low,
                "high": interval.high,
                "answers": len(values),
            }
    return found, told

"""Fills in what was not named: models, prompts, constitution. A toy never labels real data unasked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rlaif.errors import InputError
from rlaif.shipped import MODELS
from rlaif.workflows.configs import EvaluateConfig, GenerateConfig, JudgeConfig
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.models.made_by import rules_of_model, rules_of_run

CONSTITUTION = "micro-default"
POLICY = JUDGE = "micro"
TRAIN_PROMPTS, HELD_OUT_PROMPTS = "micro:train", "micro:held-out"
BUNDLED = "micro:"

HINT = "name a model (hf:<directory>, openai:<url>#<model>, micro), or name nothing to use the bundled world"


def choose_generate(config: GenerateConfig) -> GenerateConfig:
    """Fill what was not named; raise InputError where a guess would put a toy on somebody's data."""
    if not (config.policy or config.judge or config.prompts):
        config = replace(config, policy=(POLICY,), judge=JUDGE, prompts=TRAIN_PROMPTS)
    judge = _named(config.judge, "--judge")
    policy = config.policy or (_toy(judge, POLICY, "--policy"),)
    prompts = config.prompts or _toy_all([judge, *policy], TRAIN_PROMPTS, "--prompts")
    return replace(
        config,
        judge=judge,
        policy=policy,
        prompts=prompts,
        constitution=_constitution(config.constitution, prompts, policy),
    )


def choose_judge(config: JudgeConfig) -> JudgeConfig:
    """The judge must be named; the constitution may be the one of the run that is judged again."""
    judge = _named(config.judge, "--judge")
    constitution = config.constitution
    if constitution is None and config.source.is_dir():
        constitution = rules_of_run(config.source)
    if constitution is None:
        raise InputError(f"--constitution is missing: {config.source} does not say which rules to judge by")
    return replace(config, judge=judge, constitution=constitution)


def choose_evaluate(config: EvaluateConfig) -> EvaluateConfig:
    """As for `generate`; without `--against` and with `--gold` no judge is needed."""
    if not (config.policy or config.judge or config.prompts):
        against = config.against or ("micro:base",)
        config = replace(
            config, policy=POLICY, judge=JUDGE, prompts=HELD_OUT_PROMPTS, gold=True, against=against
        )
    if not config.against and not config.gold and not config.sets:
        raise InputError(
            "nothing to measure: name a model to compare with (--against), --gold, or sets (--sets)"
        )
    if config.against or config.judge:
        config = replace(config, judge=_named(config.judge, "--judge"))
    policy = _named(config.policy, "--policy")
    known = [name for name in (policy, config.judge, *config.against) if name]
    prompts = config.prompts or _toy_all(known, HELD_OUT_PROMPTS, "--prompts")
    return replace(
        config,
        policy=policy,
        prompts=prompts,
        constitution=_constitution(config.constitution, prompts, (policy, *config.against)),
    )


def is_bundled(name: str) -> bool:
    """One of the bundled models or of the controls that stand in for a judge."""
    return name in MODELS or is_control(name)


def _named(name: str | None, option: str) -> str:
    if name is None:
        raise InputError(f"{option} is missing; {HINT}")
    return name


def _toy(judge: str, default: str, option: str) -> str:
    if not is_bundled(judge):
        raise InputError(f"{option} is missing; {HINT}")
    return default


def _toy_all(models: list[str], default: str, option: str) -> str:
    strangers = [name for name in models if not is_bundled(name)]
    if strangers:
        raise InputError(
            f"{option} is missing: with {strangers[0]} name the prompts too, e.g. {option} {default}"
        )
    return default


def _constitution(name: str | None, prompts: str, models: Sequence[str]) -> str:
    """What was named, or what the first of the models that was trained here was trained by."""
    made_by = name or next(filter(None, map(rules_of_model, models)), None)
    if made_by is None and not prompts.startswith(BUNDLED):
        raise InputError(
            "--constitution is missing: with your own prompts name yours, e.g. constitutions/house.yaml"
        )
    return made_by or CONSTITUTION

"""Evaluation: win rates against other models by a judge in both orders, and gold where prompts name one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.atomic import write_text
from rlaif.auditing.intervals import Resampling
from rlaif.constitution import load_principles
from rlaif.constitution.writing import constitution_yaml
from rlaif.errors import InputError
from rlaif.exchange.completions import write_completions
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.system_turn import SystemTurn, system_turn
from rlaif.judging.protocols import PER_PAIR, PER_PRINCIPLE
from rlaif.records import Completion, Constitution, Prompt, Sampling
from rlaif.review.evaluation import evaluation_tables
from rlaif.review.panels import Panel
from rlaif.review.principle_panels import of_evaluation
from rlaif.runs.claim import claim
from rlaif.runs.identity import described_constitution, described_prompts
from rlaif.runs.layout import COMPLETIONS, CONSTITUTION
from rlaif.store import Store, find_store
from rlaif.templates import recorded_templates
from rlaif.workflows.configs import EvaluateConfig
from rlaif.workflows.evaluation.behaviours import (
    BehaviourFigure,
    Shown,
    changes,
    figures,
    lengths,
    shown_by_gold,
    shown_by_judge,
)
from rlaif.workflows.evaluation.verdict import verdicts
from rlaif.workflows.evaluation.win_rate import WinRate, win_rate
from rlaif.workflows.generate.cut_off import mostly_cut_off
from rlaif.workflows.generate.rollouts import Draws, answers
from rlaif.workflows.generate.show_prompt import questions
from rlaif.workflows.kept_progress import KeptProgress
from rlaif.workflows.models.early_refusal import refuse_early
from rlaif.workflows.models.failures import failed_calls
from rlaif.workflows.models.gold import Grades, gold_by_principle, grade, require_gold, share_met, ungraded
from rlaif.workflows.models.judge_names import GOLD
from rlaif.workflows.models.made_by import label
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions, sees_of
from rlaif.workflows.models.thinking_judge import refuse_unthinking
from rlaif.workflows.progress import Ready, Report, at_once, silent
from rlaif.workflows.results import Result

if TYPE_CHECKING:
    from rlaif.libraries.datasets import Dataset

_TEXTS = ("figure", "model", "against")
_COLUMNS = (*_TEXTS, "mean", "low", "high", "wins", "losses", "even", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldFigures:
    """Gold of one model's answers."""

    model: str
    mean: float | None
    low: float | None
    high: float | None
    by_principle: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBehaviours:
    """What one model's answers show, and for one that the policy is compared with, how the policy differs from it."""

    model: str
    shown: Mapping[str, BehaviourFigure]
    change: Mapping[str, BehaviourFigure]
    """The policy's less this model's, over the prompts that both answered; empty for the policy."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evaluation(Result):
    """What an evaluation found."""

    policy: str
    judge: str | None
    constitution: str
    """By which it was judged and graded: name, version and digest."""
    prompts: int
    win_rates: tuple[WinRate, ...]
    gold: tuple[GoldFigures, ...]
    calls: Mapping[str, int]
    behaviours: tuple[ModelBehaviours, ...] = ()
    """Of the policy first."""
    warnings: tuple[str, ...] = ()

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: who was measured by whom, and each win rate."""
        told = {"policy": self.policy, "judge": self.judge, "constitution": self.constitution}
        rates = {each.against: each.win_rate for each in self.win_rates}
        return told | {"prompts": self.prompts, "win_rates": rates}

    def rows(self) -> list[dict[str, Any]]:
        """A row for each figure: win rates of the policy first, then gold of each model, then what answers show."""
        rates = [
            {"figure": "win rate", "model": self.policy, "mean": each["win_rate"], **each}
            for each in map(asdict, self.win_rates)
        ]
        gold = [{"figure": "gold", **asdict(each)} for each in self.gold]
        shown = [
            {"figure": name, "model": each.model, "mean": own.share, "low": own.low, "high": own.high}
            for each in self.behaviours
            for name, own in each.shown.items()
        ]
        return [{name: row.get(name) for name in _COLUMNS} for row in (*rates, *gold, *shown)]

    def to_dataset(self) -> Dataset:
        """The `rows` as a `datasets.Dataset`."""
        from rlaif.exchange.frames import figures_dataset

        return figures_dataset(self.rows(), texts=_TEXTS)

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        return _COLUMNS, [tuple(row.values()) for row in self.rows()]

    def _panels(self) -> Sequence[Panel]:
        return of_evaluation(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """As JSON: `gold` by model name."""
        found = asdict(self)
        found["gold"] = {each.pop("model"): each for each in found["gold"]}
        return found


def evaluate(config: EvaluateConfig, progress: Report = silent, ready: Ready = at_once) -> Evaluation:
    """Sample one answer a prompt and model, compare, grade. `config` has been through `choose_evaluate`."""
    prompts, constitution = inputs_of(config)
    if config.behaviours and config.judge is None and not config.gold:
        raise InputError("--behaviours asks a judge what answers show; name one (--judge), or gold (--gold)")
    if config.gold or config.judge == GOLD:
        require_gold(prompts, "--gold" if config.gold else GOLD)
    system = system_turn(config.system, constitution)
    models = ModelPool(config, KeptProgress(config.out, progress), config.seed)
    needed = (str(config.policy), *config.against, *([config.judge] if config.judge else []))
    if config.out is not None:
        describe = partial(_described, config, models, prompts, constitution)
        refuse_early(config.out, models, needed, describe, command="evaluate")
    for name, role in roles_of(config):
        models.acting(role).open(name)
    if config.judge is not None and config.behaviours and not config.gold:
        refuse_unthinking(models.acting(config.judge_options), config.judge, [PER_PRINCIPLE])
    if config.judge is not None and config.against:
        hard = any(each.hard for each in constitution.principles)
        asked = (PER_PAIR, *([PER_PRINCIPLE] if hard else []))
        refuse_unthinking(models.acting(config.judge_options), config.judge, asked)
    described = _described(config, models, prompts, constitution)
    ready()
    with ExitStack() as stack:
        run = None
        if config.out is not None:
            run = stack.enter_context(claim(config.out, described, command="evaluate"))
        store = stack.enter_context(Store.open(store_of(config)))
        templates = stack.enter_context(recorded_templates())
        models.record(store, run.id if run else "")
        answered = drawn_by(config, models, prompts, system)
        texts = {name: each.completions for name, each in answered.items()}
        graded = {name: grades_of(constitution, prompts, texts[name]) for name in texts if config.gold}
        found = Evaluation(
            policy=str(config.policy),
            judge=config.judge,
            constitution=label(constitution),
            prompts=len(prompts),
            win_rates=win_rates(config, models, constitution, prompts, texts),
            gold=_gold(config, graded),
            behaviours=_behaviours(config, models, prompts, texts),
            calls=models.calls,
            warnings=(
                *(f"{name}: {each}" for name, found in answered.items() for each in found.warnings),
                *(
                    each
                    for name, own in texts.items()
                    for each in mostly_cut_off(name, own, sampling_of(config))
                ),
                *failed_calls(models.recorded),
                *ungraded([each for grades in graded.values() for each in grades]),
            ),
        )
        if run is not None:
            by_id = {prompt.id: prompt for prompt in prompts}
            rows = [(by_id[each.prompt_id], each) for own in texts.values() for each in own]
            write_completions(run.dir / COMPLETIONS, rows)
            write_text(run.dir / CONSTITUTION, constitution_yaml(constitution))
            run.finish(found.as_dict(), templates=templates)
    return found


def roles_of(config: EvaluateConfig) -> list[tuple[str, RoleOptions | None]]:
    """The models of an evaluation, each with what is said of its role."""
    judge = [(config.judge, config.judge_options)] if config.judge else []
    others = [(name, config.against_options) for name in config.against]
    return [(str(config.policy), config.policy_options), *others, *judge]


def drawn_by(
    config: EvaluateConfig, models: ModelPool, prompts: Sequence[Prompt], system: SystemTurn | None
) -> dict[str, Draws]:
    """One answer a prompt of each model, by what a figure calls it: the policy first."""
    sampling, seed = sampling_of(config), config.seed
    found = {}
    for called, (name, role) in zip(called_of(config), roles_of(config), strict=False):
        found[called] = answers(models.acting(role), name, prompts, sampling, seed, system)
    return found


def called_of(config: EvaluateConfig) -> list[str]:
    """What figures call the policy and those that it is compared with: by name; one model in two roles says which."""
    policy, alike = str(config.policy), config.policy_options == config.against_options
    return [
        policy,
        *(f"{each} (against)" if each == policy and not alike else each for each in config.against),
    ]


def grades_of(
    constitution: Constitution, prompts: Sequence[Prompt], texts: Sequence[Completion]
) -> list[Grades]:
    """Gold of each answer, in order; a thought that never ended is none."""
    by_id = {prompt.id: prompt for prompt in prompts}
    return [grade(by_id[each.prompt_id], each, constitution) for each in texts if not each.open_thought]


def tables(found: Evaluation) -> str:
    """For people."""
    shown = [each.text for each in evaluation_tables(found.as_dict())]
    said = "\n".join(verdicts(found.win_rates, found.policy, found.judge, found.constitution))
    return "\n\n".join([*([said] if said else []), f"by {found.constitution}", *shown])


def first_question(config: EvaluateConfig) -> str:
    """The exact text that the judge gets first, for `--show-prompt`."""
    if (judge := config.judge) is None:
        raise InputError("--show-prompt shows what a judge is asked, and no --judge is named")
    config = replace(config, limit=1)
    prompts, constitution = inputs_of(config)
    models = ModelPool(config, seed=config.seed)
    with Store.open(store_of(config)) as store:
        models.record(store, "")
        system = system_turn(config.system, constitution)
        texts = [each.completions[0] for each in drawn_by(config, models, prompts, system).values()]
        asked = models.acting(config.judge_options).judge(judge)
        return questions(asked, constitution, prompts[0], texts, [PER_PAIR])


def win_rates(
    config: EvaluateConfig,
    models: ModelPool,
    constitution: Constitution,
    prompts: Sequence[Prompt],
    texts: Mapping[str, Sequence[Completion]],
) -> tuple[WinRate, ...]:
    if config.judge is None:
        return ()
    judge = models.acting(config.judge_options).judge(config.judge)
    resampling = _resampling(config)
    own, *others = called_of(config)
    return tuple(
        win_rate(
            judge,
            constitution,
            prompts,
            texts[own],
            texts[name],
            against=name,
            resampling=resampling,
            sees=sees_of(config.judge_options),
        )
        for name in others
    )


def _gold(config: EvaluateConfig, graded: Mapping[str, Sequence[Grades]]) -> tuple[GoldFigures, ...]:
    figures = []
    for name, grades in graded.items():
        shares = [share for share in map(share_met, grades) if share is not None]
        found = _resampling(config).interval(shares)
        mean, low, high = found or (None, None, None)
        figures.append(
            GoldFigures(model=name, mean=mean, low=low, high=high, by_principle=gold_by_principle(grades))
        )
    return tuple(figures)


def shown_of(
    config: EvaluateConfig, models: ModelPool, prompts: Sequence[Prompt], texts: Sequence[Completion]
) -> Shown:
    """What answers show: by gold where it is asked for, else by the judge where that is; their length always."""
    by_id = {prompt.id: prompt for prompt in prompts}
    joined = [(by_id[each.prompt_id], each) for each in texts if not each.open_thought]
    if config.gold:
        return shown_by_gold(joined)
    if config.behaviours and config.judge is not None:
        return shown_by_judge(models.acting(config.judge_options).judge(config.judge), joined)
    return lengths(joined)


def _behaviours(
    config: EvaluateConfig,
    models: ModelPool,
    prompts: Sequence[Prompt],
    texts: Mapping[str, Sequence[Completion]],
) -> tuple[ModelBehaviours, ...]:
    shown = {name: shown_of(config, models, prompts, own) for name, own in texts.items()}
    policy, *_ = shown
    resampling = _resampling(config)
    return tuple(
        ModelBehaviours(
            model=name,
            shown=figures(own, resampling),
            change={} if name == policy else changes(own, shown[policy], resampling),
        )
        for name, own in shown.items()
    )


def _described(
    config: EvaluateConfig, models: ModelPool, prompts: Sequence[Prompt], constitution: Constitution
) -> dict[str, Any]:
    roles = {
        "policy": config.policy_options,
        "against": config.against_options,
        "judge": config.judge_options,
    }
    told = {role: each.set_ones for role, each in roles.items() if each is not None and each.set_ones}
    system = system_turn(config.system, constitution)
    return {
        "policy": config.policy,
        "against": list(config.against),
        "judge": config.judge,
        "models": _fingerprints(config, models),
        "constitution": described_constitution(constitution),
        "prompts": described_prompts(prompts),
        "sampling": sampling_of(config).identity,
        "gold": config.gold,
        "resamples": config.resamples,
        "seed": config.seed,
        **({"options": told} if told else {}),
        **({"behaviours": True} if config.behaviours else {}),
        **({"system": system.identity} if system is not None else {}),
    }


def _fingerprints(config: EvaluateConfig, models: ModelPool) -> dict[str, str]:
    """What each model is; a judge that is another one than the policy of its name, as of another dtype, says so."""
    called = [*called_of(config), *([config.judge] if config.judge else [])]
    found: dict[str, str] = {}
    for shown, (name, role) in zip(called, roles_of(config), strict=True):
        own = models.acting(role).fingerprint(name)
        found[shown if found.get(shown, own) == own else f"{shown} (judge)"] = own
    return found


def store_of(config: EvaluateConfig) -> Path:
    return find_store(config.out or Path.cwd() / "evaluation", config.store)


def inputs_of(config: EvaluateConfig) -> tuple[list[Prompt], Constitution]:
    prompts = read_prompts(str(config.prompts), column=config.column, limit=config.limit)
    return prompts, load_principles(str(config.constitution))


def sampling_of(config: EvaluateConfig) -> Sampling:
    return Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        min_p=config.min_p,
        max_tokens=config.max_tokens,
        max_thought_tokens=config.max_thought_tokens,
    )


def _resampling(config: EvaluateConfig) -> Resampling:
    return Resampling(resamples=config.resamples, seed=config.seed)

"""Evaluation: win rates against other models by a judge in both orders, and gold where prompts name one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.intervals import Resampling
from rlaif.constitution import load_principles
from rlaif.constitution.writing import constitution_yaml
from rlaif.errors import InputError
from rlaif.exchange.completions import write_completions
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.measured import MeasuredAnswer, write_measured
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.system_turn import system_turn
from rlaif.judging.controls import GoldJudge
from rlaif.judging.protocols import PER_PAIR, PER_PRINCIPLE
from rlaif.records import Completion, Constitution, Prompt, Sampling
from rlaif.runs.claim import claim
from rlaif.runs.identity import described_constitution, described_prompts
from rlaif.runs.layout import COMPARISONS, COMPLETIONS, CONSTITUTION, JUDGMENTS, MEASURED
from rlaif.store import Store, find_store
from rlaif.templates import recorded_templates
from rlaif.workflows.configs import EvaluateConfig
from rlaif.workflows.evaluation.behaviours import (
    Shown,
    changes,
    figures,
    lengths,
    shown_by_gold,
    shown_by_judge,
)
from rlaif.workflows.evaluation.further import (
    Systems,
    Writers,
    divergences,
    measured_sets,
    require_readers,
)
from rlaif.workflows.evaluation.helped import ComparisonNames, helped
from rlaif.workflows.evaluation.named_sets.named_set import NamedSet
from rlaif.workflows.evaluation.named_sets.open import open_sets, own_names
from rlaif.workflows.evaluation.policy_metrics import measured_answers, read
from rlaif.workflows.evaluation.result import Evaluation, GoldFigures, ModelBehaviours
from rlaif.workflows.evaluation.win_rate import AnswersCompared, compare_answers
from rlaif.workflows.generate.cut_off import often_cut_off
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
from rlaif.workflows.models.usage import usage
from rlaif.workflows.progress import Ready, Report, at_once, silent


def evaluate(config: EvaluateConfig, progress: Report = silent, ready: Ready = at_once) -> Evaluation:
    """Sample one answer a prompt and model, compare, grade. `config` has been through `choose_evaluate`."""
    prompts, constitution = inputs_of(config)
    sets = _checked(config, prompts)
    systems = systems_of(config, constitution)
    models = ModelPool(config, KeptProgress(config.out, progress), config.seed)
    needed = (str(config.policy), *config.against, *([config.judge] if config.judge else []))
    if config.out is not None:
        describe = partial(_described, config, models, prompts, constitution, sets)
        refuse_early(config.out, models, needed, describe, command="evaluate")
    for name, role in roles_of(config):
        models.acting(role).open(name)
    _refuse_unfit_judge(config, models, constitution)
    described = _described(config, models, prompts, constitution, sets)
    ready()
    with ExitStack() as stack:
        run = None
        if config.out is not None:
            run = stack.enter_context(claim(config.out, described, command="evaluate"))
        store = stack.enter_context(Store.open(store_of(config)))
        templates = stack.enter_context(recorded_templates())
        models.record(store, run.id if run else "")
        answered = drawn_by(config, models, prompts, systems)
        texts = {name: each.completions for name, each in answered.items()}
        graded = {name: grades_of(constitution, prompts, texts[name]) for name in texts if config.gold}
        compared = compared_with(config, models, constitution, prompts, texts)
        measured = _measured(config, models, constitution, prompts, texts, graded, compared)
        shown = {name: shown_of(config, models, prompts, own) for name, own in texts.items()}
        drawn = answered[str(config.policy)].drawn
        kl, unscored = divergences(config, models, writers_of(config), drawn, systems)
        found = Evaluation(
            policy=str(config.policy),
            judge=config.judge,
            constitution=label(constitution),
            prompts=len(prompts),
            win_rates=tuple(each.rate for each in compared.values()),
            gold=_gold(config, graded),
            behaviours=_behaviours(config, shown),
            sets=measured_sets(config, models, sets, writers_of(config), shown),
            kl=kl,
            by_group={name: each.by_group for name, each in compared.items() if each.by_group},
            helped=_helped(config, constitution, measured, compared),
            calls=models.calls,
            costs=usage(models, store, ()),
            warnings=_warnings(config, models, answered, graded, unscored),
        )
        if run is not None:
            by_id = {prompt.id: prompt for prompt in prompts}
            rows = [(by_id[each.prompt_id], each) for own in texts.values() for each in own]
            write_completions(run.dir / COMPLETIONS, rows)
            write_measured(run.dir / MEASURED, [each for own in measured.values() for each in own])
            _write_judged(run.dir, compared)
            write_text(run.dir / CONSTITUTION, constitution_yaml(constitution))
            run.finish(found.as_dict(), templates=templates)
    return found


def _checked(config: EvaluateConfig, prompts: Sequence[Prompt]) -> list[NamedSet]:
    """The sets of files that are named. Raises InputError for what cannot be measured, before anything is opened."""
    if config.behaviours and config.judge is None and not config.gold:
        raise InputError("--behaviours asks a judge what answers show; name one (--judge), or gold (--gold)")
    require_readers(config)
    if config.kl and config.temperature != 1.0:
        raise InputError(
            "--kl reads the policy's own answers, which must be drawn from it as it is: --temperature 1"
        )
    if config.gold or config.judge == GOLD:
        require_gold(prompts, "--gold" if config.gold else GOLD)
    return open_sets(config.sets, config.limit)


def _warnings(
    config: EvaluateConfig,
    models: ModelPool,
    answered: Mapping[str, Draws],
    graded: Mapping[str, Sequence[Grades]],
    unscored: Sequence[str],
) -> tuple[str, ...]:
    """What failed, was cut off or could not be graded."""
    limits = sampling_of(config)
    return (
        *(f"{name}: {each}" for name, found in answered.items() for each in found.warnings),
        *(each for name, own in answered.items() for each in often_cut_off(name, own.completions, limits)),
        *unscored,
        *failed_calls(models.recorded),
        *ungraded([each for grades in graded.values() for each in grades]),
    )


def _write_judged(folder: Path, compared: Mapping[str, AnswersCompared]) -> None:
    """Keep what the judge said, for who reads the samples; nothing of an evaluation that asked none."""
    for name, part in ((COMPARISONS, "judged"), (JUDGMENTS, "checked")):
        if rows := [one for each in compared.values() for one in getattr(each, part)]:
            write_judgments(folder / name, rows)


def _refuse_unfit_judge(config: EvaluateConfig, models: ModelPool, constitution: Constitution) -> None:
    if config.judge is not None and config.behaviours and not config.gold:
        refuse_unthinking(models.acting(config.judge_options), config.judge, [PER_PRINCIPLE])
    if config.judge is not None and config.against:
        hard = any(each.hard for each in constitution.principles)
        asked = (PER_PAIR, *([PER_PRINCIPLE] if hard else []))
        refuse_unthinking(models.acting(config.judge_options), config.judge, asked)


def roles_of(config: EvaluateConfig) -> list[tuple[str, RoleOptions | None]]:
    """The models of an evaluation, each with what is said of its role."""
    judge = [(config.judge, config.judge_options)] if config.judge else []
    others = [(name, config.against_options) for name in config.against]
    return [(str(config.policy), config.policy_options), *others, *judge]


def drawn_by(
    config: EvaluateConfig, models: ModelPool, prompts: Sequence[Prompt], systems: Systems
) -> dict[str, Draws]:
    """One answer a prompt of each model, by what a figure calls it: the policy first."""
    sampling, seed = sampling_of(config), config.seed
    found = {}
    for place, (called, (name, role)) in enumerate(writers_of(config).items()):
        system = systems[1] if place else systems[0]
        found[called] = answers(models.acting(role), name, prompts, sampling, seed, system)
    return found


def systems_of(config: EvaluateConfig, constitution: Constitution) -> Systems:
    """The system turns under which is drawn: those of the others are the policy's unless said."""
    own = system_turn(config.system, constitution)
    other = config.against_system
    return own, own if other is None else system_turn(other, constitution)


def writers_of(config: EvaluateConfig) -> Writers:
    """By what figures call a model its name and role, the policy first."""
    return dict(zip(called_of(config), roles_of(config), strict=False))


def called_of(config: EvaluateConfig) -> list[str]:
    """What figures call the policy and those that it is compared with: by name; one model in two roles says which."""
    policy = str(config.policy)
    alike = config.policy_options == config.against_options and config.against_system is None
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


def first_question(config: EvaluateConfig) -> str:
    """The exact text that the judge gets first, for `--show-prompt`."""
    if (judge := config.judge) is None:
        raise InputError("--show-prompt shows what a judge is asked, and no --judge is named")
    config = replace(config, limit=1)
    prompts, constitution = inputs_of(config)
    models = ModelPool(config, seed=config.seed)
    with Store.open(store_of(config)) as store:
        models.record(store, "")
        systems = systems_of(config, constitution)
        texts = [each.completions[0] for each in drawn_by(config, models, prompts, systems).values()]
        asked = models.acting(config.judge_options).judge(judge)
        return questions(asked, constitution, prompts[0], texts, [PER_PAIR])


def compared_with(
    config: EvaluateConfig,
    models: ModelPool,
    constitution: Constitution,
    prompts: Sequence[Prompt],
    texts: Mapping[str, Sequence[Completion]],
) -> dict[str, AnswersCompared]:
    """The policy's answers against those of each other model, by what figures call it; nothing without a judge."""
    if config.judge is None:
        return {}
    judge = models.acting(config.judge_options).judge(config.judge)
    resampling = _resampling(config)
    own, *others = called_of(config)
    return {
        name: compare_answers(
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
    }


def _measured(
    config: EvaluateConfig,
    models: ModelPool,
    constitution: Constitution,
    prompts: Sequence[Prompt],
    texts: Mapping[str, Sequence[Completion]],
    graded: Mapping[str, Sequence[Grades]],
    compared: Mapping[str, AnswersCompared],
) -> dict[str, list[MeasuredAnswer]]:
    """The answers of each model with what was read of each: by gold, by the policy's comparisons, and by programs."""
    by_id = {prompt.id: prompt for prompt in prompts}
    own, *_ = called_of(config)
    judge = models.acting(config.judge_options).judge(config.judge) if config.judge else None
    found = {}
    for name, each in texts.items():
        joined = [(by_id[one.prompt_id], one) for one in each if not one.open_thought]
        # programs cost nothing: they read each answer alone too, a share for each principle
        programs = isinstance(judge, GoldJudge)
        said = judge.checklist(joined, constitution.principles) if judge is not None and programs else ()
        found[name] = measured_answers(
            joined, graded.get(name, ()), read(said), {}, compared if name == own else {}, model=name
        )
    return found


def _helped(
    config: EvaluateConfig,
    constitution: Constitution,
    measured: Mapping[str, Sequence[MeasuredAnswer]],
    compared: Mapping[str, AnswersCompared],
) -> dict[str, Any]:
    own, *others = called_of(config)
    return {
        name: helped(
            measured[name],
            measured[own],
            named=ComparisonNames(config.judge, f"{constitution.name} {constitution.version}", name),
            resampling=_resampling(config),
            won=compared[name].rate if name in compared else None,
            preferred=compared[name].by_principle if name in compared else None,
            answers=((MEASURED, name), (MEASURED, own)),
        )
        for name in others
    }


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
    if (config.behaviours or own_names(config.sets)) and config.judge is not None:
        return shown_by_judge(models.acting(config.judge_options).judge(config.judge), joined)
    return lengths(joined)


def _behaviours(config: EvaluateConfig, shown: Mapping[str, Shown]) -> tuple[ModelBehaviours, ...]:
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
    config: EvaluateConfig,
    models: ModelPool,
    prompts: Sequence[Prompt],
    constitution: Constitution,
    sets: Sequence[NamedSet],
) -> dict[str, Any]:
    roles = {
        "policy": config.policy_options,
        "against": config.against_options,
        "judge": config.judge_options,
    }
    told = {role: each.set_ones for role, each in roles.items() if each is not None and each.set_ones}
    system, other_system = systems_of(config, constitution)
    read = {each: "" for each in own_names(config.sets)} | {each.name: each.content for each in sets}
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
        **(
            {"against_system": other_system.identity if other_system else None}
            if other_system != system
            else {}
        ),
        **({"sets": read} if read else {}),
        **({"kl": True} if config.kl else {}),
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

"""The recipe runner: plays the steps of a recipe round by round, resumes where it was stopped, keeps the table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.constitution import edited_release
from rlaif.constitution.writing import constitution_yaml
from rlaif.errors import InputError
from rlaif.feedback.plan import ALONE
from rlaif.libraries.versions import TRAINING, require
from rlaif.recipes import EvaluateStep, JudgeStep, PairsStep, Recipe, SampleStep, TrainStep
from rlaif.review.report import write_report
from rlaif.runs import Run, claim, read_run
from rlaif.store import Store, find_store
from rlaif.workflows.audit_truth import reliability
from rlaif.workflows.models import Models
from rlaif.workflows.names import CONSTITUTION_FILE, model_directory
from rlaif.workflows.play import PREVIOUS, Played
from rlaif.workflows.questions import questions
from rlaif.workflows.reports import Report, silent
from rlaif.workflows.round_steps import Round, Stage, evaluate, judge, pairs, sample, train
from rlaif.workflows.rounds import DRIFT_LIMIT
from rlaif.workflows.sampling import draw, round_prompts, step_sampling
from rlaif.workflows.spent import cost_line, judged_in, spent
from rlaif.workflows.steps import Steps
from rlaif.workflows.training import reference_directory

TABLE = "rounds.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run came to."""

    run: Path
    rounds: Sequence[Mapping[str, Any]]
    report: Path
    calls: Mapping[str, int]
    costs: Mapping[str, Any]
    """What was spent, by model, judge and principle; see `rlaif.workflows.spent`."""
    warnings: Sequence[str]
    unmet: str | None
    """Why the run stopped before its last round, or None."""

    @property
    def summary(self) -> str:
        """A line or two for people."""
        calls = ", ".join(f"{count} {name}" for name, count in self.calls.items())
        return f"calls: {calls}\n{cost_line(self.costs)}\nreport: {self.report}".replace("\n\n", "\n")

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run": str(self.run),
            "rounds": list(self.rounds),
            "report": str(self.report),
            "calls": dict(self.calls),
            "costs": dict(self.costs),
            "warnings": list(self.warnings),
            "stopped": self.unmet,
        }


def run(played: Played, progress: Report = silent) -> Finished:
    """Play the recipe, or go on with it, or only read it when it is done."""
    config, recipe = played.config, played.recipe
    models = Models(config, progress, recipe.seed)
    named = {"policy": recipe.models.policy}
    if recipe.models.judge != PREVIOUS:
        named["judge"] = recipe.models.judge
    models.open(*named.values())
    for step in recipe.round:  # what a training needs is asked for before hours of sampling, not after
        if isinstance(step, TrainStep):
            require(*TRAINING)
            model_directory(recipe.models.policy)
            reference_directory(step, recipe.models.policy)
    described = played.described({part: models.fingerprint(name) for part, name in named.items()})
    with claim(config.out, described, command="run") as held, Store.open(_store(played)) as store:
        models.record(store, held.id)
        steps = Steps(held.dir, store.path.parent / "steps")
        write_text(held.dir / CONSTITUTION_FILE, constitution_yaml(played.constitution))
        stage = Stage(played=played, models=models, steps=steps, store=store, run_id=held.id, report=progress)
        rows, unmet = _play(stage, held)
        warnings = [*edited_release(played.constitution), *_warnings(rows)]
        status = "done" if unmet is None else "stopped"
        made = [str(each) for each in sorted(held.dir.glob("models/round-*"))]
        costs = spent(models, store, judged_in(held.dir), [*named.values(), *made])
        summary = {"rounds": len(rows) - 1, "stopped": unmet, "costs": costs, "warnings": warnings}
        held.finish(summary, status=status, templates=steps.templates())
        report = write_report(held.dir, read_run(held.dir), bins=reliability(held.dir, config.store))
        return Finished(
            run=held.dir,
            rounds=rows,
            report=report,
            calls=models.calls,
            costs=costs,
            warnings=warnings,
            unmet=unmet,
        )


def _store(played: Played) -> Path:
    return find_store(played.config.out, played.config.store)


def _play(stage: Stage, held: Run) -> tuple[list[dict[str, Any]], str | None]:
    recipe = stage.played.recipe
    rows: list[dict[str, Any]] = []
    policy = recipe.models.policy
    for number in range(recipe.rounds + 1):
        held.progress(round=number, of=recipe.rounds)
        this = Round(number=number, before=policy, policy=policy)
        unmet = _play_round(stage, this)
        rows.append(_row(stage, this))
        write_text(held.dir / TABLE, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        unmet = unmet or drifted(recipe, rows[-1])
        if unmet is not None:
            return rows, f"stopped in round {number}: {unmet}"
        policy = this.policy
    return rows, None


def _play_round(stage: Stage, this: Round) -> str | None:
    for step in stage.played.recipe.round:
        # round 0 is the model before any feedback: it is only measured
        if this.number == 0 and not isinstance(step, EvaluateStep):
            continue
        match step:
            case SampleStep():
                sample(stage, this, step)
            case JudgeStep():
                judge(stage, this, step)
            case PairsStep():
                pairs(stage, this, step)
                if (unmet := _unfit(stage, this)) is not None:
                    return unmet
            case TrainStep():
                train(stage, this, step)
            case EvaluateStep():
                evaluate(stage, this, step)
            case _:
                raise InputError(f"nothing plays step {step.step!r}")
    return None


def _unfit(stage: Stage, this: Round) -> str | None:
    """Why the round's pairs must not be trained on, or None."""
    limit, share = stage.played.recipe.stop.unreadable_share, this.facts["pairs"]["unreadable_share"]
    if share > limit:
        return f"{share:.1%} of the judgments are unreadable, limit {limit:.1%}"
    if not this.pairs:
        return "no prompt gave a pair"
    return None


def drifted(recipe: Recipe, row: dict[str, Any]) -> str | None:
    """Note in the row that its judge is no longer the first one; the note itself, where the recipe stops for it."""
    drift = row.get("judge_drift")
    if drift is None or drift <= DRIFT_LIMIT:
        return None
    text = f"the judge drifts: its P(yes) is {drift:.2f} from the first judge's on the same texts"
    row["warnings"].append(text)
    return text if recipe.stop.judge_drift == "stop" else None


def _row(stage: Stage, this: Round) -> dict[str, Any]:
    made = this.facts.get("pairs", {})
    measured = dict(this.facts.get("evaluate", {}))
    # said once: what gold cannot read it cannot read in any round
    ungraded = [each for each in measured.pop("ungraded", []) if this.number == 0]
    return {
        "round": this.number,
        **{key: None for key in ("gold_mean", "gold_greedy")},
        "gold_by_principle": {},
        **{key: None for key in ("judge_mean", "judge_accuracy_on_policy")},
        "policy": stage.models.fingerprint(this.policy),
        "judge": stage.models.fingerprint(stage.judge_name(this.policy)),
        "pairs": made.get("pairs", 0),
        "pair_precision": made.get("pair_precision"),
        "gap": made.get("gap"),
        "order_consistency": made.get("order_consistency", {}),
        "unreadable_share": made.get("unreadable_share"),
        **{key: None for key in ("kl", "length_mean", "judge_drift")},
        "replay": (replay := this.facts.get("train", {}).get("replay", {})),
        "replay_share": sum(replay.values()) if this.number else None,
        "warnings": [*ungraded, *made.get("not_applied", []), *this.facts.get("train", {}).get("gate", [])],
        **measured,
    }


def _warnings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each warning once, with the rounds that it is true of."""
    rounds: dict[str, list[str]] = {}
    for row in rows:
        for text in row["warnings"]:
            rounds.setdefault(text, []).append(str(row["round"]))
    return [f"round{'s' if len(told) > 1 else ''} {', '.join(told)}: {text}" for text, told in rounds.items()]


def first_question(played: Played) -> str:
    """The exact text that the judge gets first, for `--show-prompt`."""
    recipe = played.recipe
    step = next((each for each in recipe.round if isinstance(each, SampleStep)), SampleStep())
    models = Models(played.config, seed=recipe.seed)
    with Store.open(_store(played)) as store:
        models.record(store, "")
        prompts = round_prompts(played.prompts["train"], 1, step.prompts, recipe.seed)[:1]
        sampling = step_sampling(step)
        drawn = draw(models, [recipe.models.policy], prompts, max(2, step.n), sampling, recipe.seed)
        name = recipe.models.policy if recipe.models.judge == PREVIOUS else recipe.models.judge
        texts = list({each.id: each for _, each in drawn}.values())
        return questions(models.judge(name), played.constitution, prompts[0], texts, _protocols(recipe))


def _protocols(recipe: Recipe) -> list[str]:
    """The protocols by which a round asks, in the order in which it does."""
    alone = [each.protocol for each in recipe.round if isinstance(each, JudgeStep)]
    between = [each.then for each in recipe.round if isinstance(each, PairsStep) and each.then != ALONE]
    return [*alone, *between] or ["compare"]

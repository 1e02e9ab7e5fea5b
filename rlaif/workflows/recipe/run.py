"""The recipe runner: plays the steps of a recipe round by round, resumes where it was stopped, keeps the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.constitution import edited_release
from rlaif.constitution.writing import constitution_yaml
from rlaif.engines.local.processes import accelerated
from rlaif.errors import InputError
from rlaif.libraries.versions import TRAINING, require
from rlaif.review.report import write_report
from rlaif.runs.claim import Run, claim, read_run
from rlaif.runs.layout import CONSTITUTION, ROUNDS, STEPS, models_of_rounds
from rlaif.store import Store, find_store
from rlaif.workflows.evaluation.policy_metrics import DRIFT_LIMIT
from rlaif.workflows.generate.rollouts import draw, round_prompts, step_sampling
from rlaif.workflows.generate.show_prompt import questions
from rlaif.workflows.models.failures import failed_judgments
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.usage import cost_line, judged_in, spent
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.recipe.meanwhile import Meanwhile, may_postpone
from rlaif.workflows.recipe.pace import Pace, Told, unheard
from rlaif.workflows.recipe.prepare import PREVIOUS, Played, protocols_of, writes
from rlaif.workflows.recipe.recipes import (
    EvaluateStep,
    JudgeStep,
    PairsStep,
    Recipe,
    SampleStep,
    Step,
    TrainStep,
)
from rlaif.workflows.recipe.step_cache import Steps
from rlaif.workflows.recipe.steps import Round, Stage, evaluate, judge, pairs, sample, train
from rlaif.workflows.report import reliability
from rlaif.workflows.training.run import reference_directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run came to."""

    run: Path
    rounds: Sequence[Mapping[str, Any]]
    report: Path
    calls: Mapping[str, int]
    costs: Mapping[str, Any]
    """What was spent, by model, judge and principle; see `rlaif.workflows.models.usage`."""
    warnings: Sequence[str]
    unmet: str | None
    """Why the run stopped before its last round, or None."""
    held_out: int
    """Prompts that the rounds were measured on."""

    @property
    def summary(self) -> str:
        """What was spent, what was learned, and what can be done next: for people."""
        calls = ", ".join(f"{count} {name}" for name, count in self.calls.items())
        spent_line = cost_line(self.costs).replace("; ", "\n")
        lines = [f"calls: {calls}", spent_line, "", learned(self.rounds, self.held_out), "", *self._next()]
        return "\n".join(lines).replace("\n\n\n", "\n\n").strip()

    def _next(self) -> list[str]:
        """Commands to go on with."""
        commands = [(str(self.report), "the whole run on a page: open it in a browser")]
        if any(each["pairs"] for each in self.rounds):
            commands += [
                (f"rlaif audit {self.run}", "how far the last round's labels can be trusted"),
                (f"rlaif review {self.run}", "walk its pairs, and decide where you know better"),
            ]
        commands.append(("rlaif init my-project", "a constitution, prompts and a recipe of your own"))
        width = max(len(command) for command, _ in commands)
        return ["next:", *(f"  {command.ljust(width)}  {what}" for command, what in commands)]

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


def run(played: Played, progress: Report = silent, told: Told = unheard) -> Finished:
    """Play the recipe, or go on with it, or only read it when it is done; `told` hears how it stands."""
    config, recipe = played.config, played.recipe
    pace = Pace(played, told, progress)
    models = ModelPool(config, pace.report, recipe.seed, writes(recipe, config.out))
    named = {"policy": recipe.models.policy}
    if recipe.models.judge != PREVIOUS:
        named["judge"] = recipe.models.judge
    models.open(*named.values())
    for step in recipe.round:  # what a training needs is asked for before hours of sampling, not after
        if isinstance(step, TrainStep):
            require(*TRAINING)
            model_directory(recipe.models.policy)
            reference_directory(step.options, recipe.models.policy)
    described = played.described({part: models.fingerprint(name) for part, name in named.items()})
    with claim(config.out, described, command="run") as held, Store.open(_store(played)) as store:
        models.record(store, held.id)
        steps = Steps(held.dir, store.path.parent / STEPS)
        write_text(held.dir / CONSTITUTION, constitution_yaml(played.constitution))
        meanwhile = Meanwhile(lambda: models.processes)
        stage = Stage(
            played=played,
            models=models,
            steps=steps,
            store=store,
            run_id=held.id,
            report=pace.report,
            meanwhile=meanwhile,
        )
        try:
            rows, unmet = _play(stage, held, pace)
        finally:
            models.close()
        warnings = [*edited_release(played.constitution), *_warnings(rows)]
        status = "done" if unmet is None else "stopped"
        made = [str(each) for each in models_of_rounds(held.dir)]
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
            held_out=_held_out(played),
        )


def learned(rows: Sequence[Mapping[str, Any]], held_out: int) -> str:
    """What the rounds changed, in a sentence; by gold where there is some, else by the judge's own word."""
    told = [row for row in rows if row["gold_mean"] is not None or row["judge_mean"] is not None]
    if len(told) < 2:
        return "learned: nothing that was measured; a recipe that evaluates each round says"
    figure, by = (
        ("gold_mean", "by gold, which no step reads")
        if told[0]["gold_mean"] is not None
        else ("judge_mean", "by its judge's word: no gold knows better")
    )
    first, last = told[0][figure], told[-1][figure]
    verb = "rose" if last > first else "fell" if last < first else "stayed"
    rounds = f"{told[-1]['round']} round{'s' if told[-1]['round'] != 1 else ''}"
    return (
        f"learned: on {held_out} held-out prompts the share of principles that an answer meets\n"
        f"{verb} from {first:.2f} to {last:.2f} in {rounds} ({by})"
    )


def _held_out(played: Played) -> int:
    steps = [each for each in played.recipe.round if isinstance(each, EvaluateStep)]
    return len(played.prompts[steps[-1].on][: steps[-1].prompts]) if steps else 0


def _store(played: Played) -> Path:
    return find_store(played.config.out, played.config.store)


def _play(stage: Stage, held: Run, pace: Pace) -> tuple[list[dict[str, Any]], str | None]:
    recipe = stage.played.recipe
    table = _Table(stage, held)
    policy = recipe.models.policy
    for number in range(recipe.rounds + 1):
        held.progress(round=number, of=recipe.rounds)
        this = Round(number=number, before=policy, policy=policy)
        unmet = _play_round(stage, this, pace, table)
        if not stage.meanwhile.waits:
            table.add(this)
            unmet = unmet or drifted(recipe, table.rows[-1])
        if unmet is not None:
            return table.rows, f"stopped in round {number}: {unmet}"
        policy = this.policy
    return table.rows, None


@dataclass(slots=True)
class _Table:
    """The rows so far, on disk after each."""

    stage: Stage
    held: Run
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, this: Round) -> None:
        """The row of a round that has been played."""
        self.rows.append(_row(self.stage, this))
        write_text(self.held.dir / ROUNDS, json.dumps(self.rows, indent=1, ensure_ascii=False) + "\n")


def _play_round(stage: Stage, this: Round, pace: Pace, table: _Table) -> str | None:
    for step in stage.played.recipe.round:
        # round 0 is the model before any feedback: it is only measured
        if this.number == 0 and not isinstance(step, EvaluateStep):
            continue

        def play(step: Step = step) -> None:
            with pace.playing(this.number, step):
                _play_step(stage, this, step)

        if isinstance(step, EvaluateStep) and _can_wait(stage, this, step):

            def measure(play: Callable[[], None] = play) -> None:
                play()
                table.add(this)
                drifted(stage.played.recipe, table.rows[-1])

            stage.meanwhile.postpone(measure)
            continue
        play()
        if isinstance(step, TrainStep):
            _release(stage, this.policy)
        if isinstance(step, PairsStep) and (unmet := _unfit(stage, this)) is not None:
            stage.meanwhile.finish()
            return unmet
    return None


def _release(stage: Stage, policy: str) -> None:
    """Free the models of earlier rounds: what follows asks the newest policy, the first one and the judge."""
    models = stage.played.recipe.models
    stage.models.release_all_but((policy, models.policy, stage.judge_name(policy)))


def _can_wait(stage: Stage, this: Round, step: EvaluateStep) -> bool:
    """Whether the measuring of a round can be done while the next policy is trained."""
    processes = stage.models.processes
    if processes is None or not processes.ready or accelerated():
        return False
    if stage.models.budget.limits:  # it says in which order things are to be done
        return False
    played = stage.played
    measured = played.prompts[step.on][: step.prompts]
    return may_postpone(played.recipe, this.number, step, measured, played.prompts["train"])


def _play_step(stage: Stage, this: Round, step: Step) -> None:
    match step:
        case SampleStep():
            sample(stage, this, step)
        case JudgeStep():
            judge(stage, this, step)
        case PairsStep():
            pairs(stage, this, step)
        case TrainStep():
            train(stage, this, step)
        case EvaluateStep():
            evaluate(stage, this, step)
        case _:
            raise InputError(f"nothing plays step {step.step!r}")


def _unfit(stage: Stage, this: Round) -> str | None:
    """Why the round's pairs must not be trained on, or None."""
    limit, share = stage.played.recipe.stop.unreadable_share, this.facts["pairs"]["unreadable_share"]
    if share > limit:
        why = "".join(f". {each}" for each in failed_judgments(this.judgments))
        return f"{share:.1%} of the judgments are unreadable, limit {limit:.1%}{why}"
    if not this.pairs:
        return "no prompt gave a pair" + "".join(f". {each}" for each in failed_judgments(this.judgments))
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
        **{key: None for key in ("judge_mean", "judge_read", "judge_accuracy_on_policy")},
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
    models = ModelPool(played.config, seed=recipe.seed, in_writing=writes(recipe, played.config.out))
    with Store.open(_store(played)) as store:
        models.record(store, "")
        prompts = round_prompts(played.prompts["train"], 1, step.prompts, recipe.seed)[:1]
        sampling = step_sampling(step)
        drawn = draw(models, [recipe.models.policy], prompts, max(2, step.n), sampling, recipe.seed)
        name = recipe.models.policy if recipe.models.judge == PREVIOUS else recipe.models.judge
        texts = list({each.id: each for _, each in drawn}.values())
        return questions(models.judge(name), played.constitution, prompts[0], texts, protocols_of(recipe))

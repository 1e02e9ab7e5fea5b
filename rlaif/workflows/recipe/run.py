"""The recipe runner: runs the steps of a recipe round by round, resumes where it was stopped, keeps the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.constitution import edited_release
from rlaif.constitution.writing import constitution_yaml
from rlaif.engines.local.processes import accelerated
from rlaif.errors import InputError, RecipeError
from rlaif.judging.kinds import stated_of
from rlaif.judging.protocols import stated
from rlaif.review.report import write_report
from rlaif.review.rounds import FURTHER
from rlaif.review.verdict import contradiction
from rlaif.runs import layout
from rlaif.runs.claim import Run, claim, read_run
from rlaif.store import Store, find_store
from rlaif.workflows.generate.show_prompt import questions
from rlaif.workflows.kept_progress import KeptProgress
from rlaif.workflows.models.early_refusal import refuse_early
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.thinking_judge import refuse_unthinking
from rlaif.workflows.models.usage import judged_in, spent_so_far, usage
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.recipe.background import Background
from rlaif.workflows.recipe.ends import changed
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.pace import Pace, RunListener
from rlaif.workflows.recipe.prepare import at, checked_steps
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import INITIAL, PREVIOUS
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import Facts, Job, RoundState, RunJob, Step
from rlaif.workflows.recipe.step_cache import StepCache
from rlaif.workflows.recipe.table import (
    RoundsTable,
    collected_warnings,
    drifted,
    further_columns,
    newest_models,
)
from rlaif.workflows.recipe.task import Task, made_rows
from rlaif.workflows.report import beside_of


def run(
    prepared: PreparedRecipe,
    progress: Report = silent,
    listener: RunListener | None = None,
    forecast: Callable[[], Mapping[str, int]] | None = None,
) -> Finished:
    """Run the recipe, or go on with it, or only read it when it is done; `listener` hears how far it is.

    `forecast` counts the calls of each task by its name: it is asked once all is checked.
    """
    config, recipe = prepared.config, prepared.recipe
    kept = KeptProgress(config.out, progress)
    pace = Pace(prepared, listener, kept, begins=kept.refresh)
    kept.standing = pace.known
    models = ModelPool(config, pace.report, recipe.seed, prepared.in_writing)
    named = {role: name for role, name in recipe.models.by_role().items() if name != PREVIOUS}

    def describe() -> dict[str, Any]:
        roles = recipe.models
        prints = {part: models.acting(roles.asked(part)).fingerprint(name) for part, name in named.items()}
        return prepared.described(prints) | _functions(prepared, named)

    refuse_early(config.out, models, tuple(named.values()), describe, command="run")
    _refuse_unthinking(prepared, models)
    for role, name in named.items():
        models.acting(recipe.models.asked(role)).open(name)
    for checked in checked_steps(recipe, config.out):
        # what a training needs is asked for before hours of sampling, not after
        with at(checked.entry):
            STEPS.get(checked.entry.step).require(checked)
    pace.expect(forecast() if forecast is not None else {})
    with claim(config.out, describe(), command="run") as held, Store.open(_store(prepared)) as store:
        models.record(store, held.id)
        write_text(held.dir / layout.CONSTITUTION, constitution_yaml(prepared.constitution))
        write_text(held.dir / layout.ARTEFACTS, json.dumps(made_rows(prepared.tasks), indent=1) + "\n")
        runner = Runner(
            prepared=prepared,
            models=models,
            cache=StepCache(held.dir, store.path.parent / layout.STEPS),
            store=store,
            held=held,
            pace=pace,
            background=Background(lambda: models.processes),
            table=RoundsTable(prepared, models, held.dir),
        )
        try:
            unmet = runner.run()
        finally:
            models.close()
        return _finished(runner, named, unmet)


def _refuse_unthinking(prepared: PreparedRecipe, models: ModelPool) -> None:
    """Raise RecipeError where the judge of a step is to think before labels and cannot: before anything is drawn."""
    for checked in checked_steps(prepared.recipe, prepared.config.out):
        step, entry = STEPS.get(checked.entry.step), checked.entry
        asked = (*step.always_asks, *step.protocols(entry.settings))
        for key, name in checked.task.initial.items() if asked else ():
            if name in checked.names:  # it is yet to be made
                continue
            role = prepared.recipe.models.asked(checked.task.roles.get(key, key))
            try:
                refuse_unthinking(models.acting(role), name, asked)
            except InputError as wrong:
                raise RecipeError(f"{entry.where}: {wrong}") from None


def _functions(prepared: PreparedRecipe, named: Mapping[str, str]) -> dict[str, Any]:
    """Of judges and protocols that are functions: the version that is declared, or the source; nothing of others."""
    judges = {role: each for role, name in named.items() if (each := stated_of(name))}
    asked = stated(prepared.protocols)
    return {**({"functions": judges} if judges else {}), **({"protocols": asked} if asked else {})}


def _finished(runner: Runner, named: dict[str, str], unmet: str | None) -> Finished:
    prepared, models, held, rows = runner.prepared, runner.models, runner.held, runner.table.rows
    warnings = [*prepared.warnings, *edited_release(prepared.constitution), *collected_warnings(rows)]
    made = [each.makes for each in prepared.tasks if each.makes is not None and each.makes.kind == "model"]
    trained = [str(held.dir / each.path) for each in made if (held.dir / each.path).is_dir()]
    costs = usage(models, runner.store, judged_in(held.dir), [*named.values(), *trained])
    further = further_columns(prepared.recipe)
    found = changed(prepared, held.dir, rows)
    if said := contradiction(found):
        warnings.append(said)
    summary = {"rounds": len(rows) - 1, "stopped": unmet, "costs": costs, "warnings": warnings}
    summary |= {"helped": {INITIAL: found}} if found else {}
    summary |= {FURTHER: further} if further else {}
    status = "done" if unmet is None else "stopped"
    held.finish(summary, status=status, templates=runner.cache.templates())
    report = write_report(held.dir, read_run(held.dir), beside=beside_of(held.dir, prepared.config.store))
    return Finished(
        run=held.dir,
        rounds=rows,
        report=report,
        calls=models.calls,
        costs=costs,
        warnings=warnings,
        unmet=unmet,
        held_out=_held_out(prepared),
        helped=found,
        further=further,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """All that the rounds of a run share."""

    prepared: PreparedRecipe
    models: ModelPool
    cache: StepCache
    store: Store
    held: Run
    pace: Pace
    background: Background
    table: RoundsTable

    def run(self) -> str | None:
        """Run all rounds; return why the last one was not reached, or None."""
        rounds = self.prepared.recipe.rounds
        for number in range(rounds + 1):
            self.held.progress(round=number, of=rounds)
            state = RoundState(number=number)
            unmet = self._round(state)
            if not self.background.has_postponed:
                row = self._end(state)
                unmet = unmet or drifted(self.prepared.recipe, row)
            if unmet is not None:
                return f"stopped in round {number}: {unmet}"
        return None

    def _round(self, state: RoundState) -> str | None:
        for task in self.prepared.round(state.number):
            step = STEPS.get(task.entry.step)
            job = self._job(task, state)
            if step.measures and self._can_wait(job):

                def measure(step: Step = step, job: RunJob = job) -> None:
                    self._step(step, job)
                    drifted(self.prepared.recipe, self._end(state))

                self.background.postpone(measure)
                continue
            facts = self._step(step, job)
            if step.trains:
                self._release(task, state)
            with STEPS.guarded(step.name):
                unmet = step.halts(job, facts)
            if unmet is not None:
                self.background.finish()
                return unmet
        return None

    def _release(self, training: Task, state: RoundState) -> None:
        """Free the models that nothing asks any more: what is left of this round and the next one keep theirs."""
        newest = newest_models(self.prepared, training.round, state.facts)
        later = [*self.prepared.round(training.round), *self.prepared.round(training.round + 1)]
        place = next(where for where, each in enumerate(later) if each is training)
        asked = {name for each in later[place + 1 :] for name in each.models.values()}
        self.models.release_all_but((*newest.values(), self.prepared.recipe.models.policy, *asked))

    def _end(self, state: RoundState) -> dict[str, Any]:
        """End a round, the only place where one ends: add its row, let go what it held in memory."""
        row = self.table.add(state, newest_models(self.prepared, state.number, state.facts))
        self.pace.round_over(self.table.rows)
        state.values.clear()
        return row

    def _step(self, step: Step, job: RunJob) -> Facts:
        with self.pace.running(job.task):
            made: list[bool] = []
            facts = execute(step, job, lambda: made.append(True))
            self.pace.ended(job.task, step.row(facts, job.round), found=not made)
            return facts

    def _job(self, task: Task, state: RoundState) -> RunJob:
        return RunJob(
            prepared=self.prepared,
            task=task,
            models=self.models,
            run=self.held.dir,
            state=state,
            cache=self.cache,
            store=self.store,
            run_id=self.held.id,
            report=self.pace.report,
            background=self.background,
        )

    def _can_wait(self, job: RunJob) -> bool:
        """Whether the measuring of a round can be done while the next policy is trained."""
        processes = self.models.processes
        if processes is None or not processes.ready or accelerated():
            return False
        if self.models.budget.limits:  # it says in which order things are to be done
            return False
        return may_postpone(self.prepared, job.task)


def execute(step: Step, job: RunJob, making: Callable[[], None] = lambda: None) -> Facts:
    """Make what a step makes, or find it where it was made, and return its facts; `making` hears that it is made."""
    with STEPS.guarded(step.name):
        inputs = dict(step.inputs(job))
        if step.version:
            inputs["version"] = step.version
        if own := stated(step.protocols(job.settings)):
            inputs["protocols"] = own

        def ahead() -> None:
            making()
            step.ahead(job)

        facts = job.cache.do(
            job.task.name,
            inputs,
            step.outputs(job),
            lambda: step.make(job),
            step.since(job),
            ahead,
            step=step.name,
            spent=lambda: spent_so_far(job.models),
        )
        job.state.facts[job.task.entry.key] = facts
        step.finish(job, facts)
    return facts


def may_postpone(prepared: PreparedRecipe, task: Task) -> bool:
    """Whether the measuring of a round can wait for the training of the next without changing anything."""
    recipe = prepared.recipe
    steps = [STEPS.get(each.step) for each in recipe.round]
    measured = {
        each.id for name in prepared.prompts if _measures(task, name) for each in prepared.prompts[name]
    }
    return (
        0 < task.round < recipe.rounds
        and task.entry is recipe.round[-1]
        and sum(each.measures for each in steps) == 1
        and any(each.trains for each in steps)
        and all(each.rounds is None for each in recipe.round)
        # nobody trains on if the judge has drifted
        and recipe.stop.judge_drift != "stop"
        # or a call of the next round could be one of this measuring, in another batch
        and bool(measured)
        and not measured & {each.id for each in prepared.prompts["train"]}
    )


def _measures(task: Task, name: str) -> bool:
    return any(each.kind == "prompts" and each.name == name for each in task.takes)


def _held_out(prepared: PreparedRecipe) -> int:
    """Count the prompts that the last measuring step takes."""
    tasks = [each for each in prepared.tasks if STEPS.get(each.entry.step).measures]
    if not tasks:
        return 0
    taken = [each for each in tasks[-1].takes if each.kind == "prompts" and not each.path]
    count = sum(len(prepared.prompts[each.name]) for each in taken)
    limit = getattr(tasks[-1].entry.settings, "prompts", None)
    return count if limit is None else min(count, limit)


def _store(prepared: PreparedRecipe) -> Path:
    return find_store(prepared.config.out, prepared.config.store)


def first_question(prepared: PreparedRecipe) -> str:
    """Return the exact text that the judge gets first, for `--show-prompt`. Raises InputError if nothing is judged."""
    recipe = prepared.recipe
    models = ModelPool(prepared.config, seed=recipe.seed, in_writing=prepared.in_writing)
    found = ((STEPS.get(each.entry.step).example, each) for each in prepared.tasks)
    example, task = next(((shown, each) for shown, each in found if shown is not None), (None, None))
    if example is None or task is None:
        raise InputError(f"{recipe.source}: no step draws completions, so there is no question to show")
    with Store.open(_store(prepared)) as store:
        models.record(store, "")
        state = RoundState(number=task.round)
        job = Job(prepared=prepared, task=task, models=models, run=prepared.config.out, state=state)
        prompt, texts = example(job)
        judges = models.acting(recipe.models.asked("judge"))
        judge = judges.judge(newest_models(prepared, 0, ())["judge"])
        return questions(judge, prepared.constitution, prompt, texts, list(prepared.protocols))

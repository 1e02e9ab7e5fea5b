"""The step `train`: a method learns from pairs, or from examples, and makes a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.libraries.versions import TRAINING, require
from rlaif.records import Example, Prompt
from rlaif.templates import record_templates, recorded_templates
from rlaif.training.gate import GateReport
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.recipe import online_step
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import INITIAL, PREVIOUS, RecipeStep
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.step_cache import Since
from rlaif.workflows.recipe.step_inputs import since_training
from rlaif.workflows.recipe.train_step import TrainStep, train_step, train_step_schema
from rlaif.workflows.training.alarm.open import open_alarm
from rlaif.workflows.training.data_gate import gate_round, gate_round_examples, gate_words
from rlaif.workflows.training.datasets import sampled
from rlaif.workflows.training.job import TrainJob, card
from rlaif.workflows.training.method import Role
from rlaif.workflows.training.methods import DEFAULT, METHODS
from rlaif.workflows.training.options import MethodOptions
from rlaif.workflows.training.read_options import misplaced
from rlaif.workflows.training.reward_coverage import coverage_warnings, record_coverage
from rlaif.workflows.training.run import reference_directory, replay_examples, train

ROW = 10.0
"""What a pair that is trained on takes, in scores: a first guess, until a training has run."""
TRAIN_STEPS = 100
"""A first guess for a training that goes by passes over its pairs."""
EXAMPLES = "examples"
FROM = "from"
"""The key of a recipe that names another model to start from than the newest one of what is trained."""


def measured_prompts(prepared: PreparedRecipe) -> Mapping[str, Sequence[Prompt]]:
    """The sets of a recipe that are only measured on, `held_out` in any case, and `train`."""
    taken: dict[bool, set[str]] = {True: set(), False: set()}
    for task in prepared.tasks:
        only = STEPS.get(task.entry.step).measures
        taken[only] |= {each.name for each in task.takes if each.kind == "prompts" and not each.path}
    named = {"train", "held_out", *(taken[True] - taken[False])}
    return {name: own for name, own in prepared.prompts.items() if name in named}


def _base(job: Job) -> str:
    """The model that the training starts from: by `from: initial` the one with which the trained role began."""
    named = job.task.entry.named.get(FROM)
    if named is None:
        return job.model("trains")
    return job.task.initial["trains"] if named == INITIAL else job.model(FROM)


def _training(job: Job) -> tuple[TrainJob, GateReport]:
    if online_step.draws_rollouts(job.settings):
        return online_step.online_training(job, _base(job), _resolved(job), measured_prompts(job.prepared))
    recipe, base, settings = job.prepared.recipe, _base(job), job.settings
    options = _resolved(job)
    known = measured_prompts(job.prepared)
    pairs, gate = gate_round(_pairs(job), known)
    examples, gate_of_examples = gate_round_examples(_examples(job), known)
    drawn = job.took("completions")
    texts = [] if drawn is None else job.read(drawn)
    training = TrainJob(
        method=settings.method,
        options=options,
        pairs=pairs,
        examples=examples,
        gate=(gate := gate_of_examples if job.task.takes[0].kind == EXAMPLES else gate),
        base=model_directory(base),
        out=job.out,
        reference_dir=reference_directory(options, recipe.models.policy),
        replay=gate_round_examples(replay_examples(options, recipe.models.policy), known)[0],
        seed=job.seed,
        sampled=sampled((said for _, said in texts), job.pool("trains").fingerprint(base)),
        constitution=job.constitution,
        chat_template_kwargs=_template_arguments(job),
        thought_marks=job.pool("trains").role.marks,
        trust_remote_code=job.prepared.config.trust_remote_code,
        card=card(pairs, f"{recipe.name}, round {job.round}", job.task.stands["judge"]),
    )
    return online_step.with_alarm(job, training), gate


def _template_arguments(job: Job) -> Mapping[str, Any]:
    """Prompts are rendered as they were when their completions were drawn: as the role of what is trained says."""
    own = job.pool("trains").requests(_base(job)).chat_template_kwargs
    return {**job.prepared.config.chat_template_kwargs, **own}


def _pairs(job: Job) -> list[Any]:
    return [] if job.task.takes[0].kind == EXAMPLES else job.value("pairs")


def _examples(job: Job) -> list[Example]:
    return job.value(EXAMPLES) if job.task.takes[0].kind == EXAMPLES else []


def _resolved(job: Job) -> MethodOptions:
    """Return the options with a reference or teacher that names a model of the run as its directory."""
    return _with_models(job.settings, job.task.stands)


def _with_models(settings: TrainStep, stands: Mapping[str, str]) -> MethodOptions:
    """Return the options of a step, those that name a model of the recipe with that model in its place."""
    options = settings.options
    made = {
        name: stands[each]
        for name, each in _named_models(settings).items()
        if each not in (PREVIOUS, INITIAL) and each in stands
    }
    return replace(options, **made) if made else options  # type: ignore[arg-type] # fields that it names itself


def _named_models(settings: TrainStep) -> dict[str, str]:
    """Return the options of a step that name a model, with what they name."""
    options = settings.options
    first = getattr(options, options.names_model) if options.names_model else None
    return ({} if first is None else {options.names_model: first}) | options.further_named


def make(job: RunJob) -> Facts:
    """Train."""
    training, gate = _training(job)
    done = job.background.result()
    if online_step.draws_rollouts(job.settings):
        training = online_step.with_reward(job, training)
    if training.looked is not None:
        training = replace(training, alarm=open_alarm(training.looked, job.models, training))
    if done is None:  # where another process failed, it fails here too, and says why
        done = train(training, job.report).as_dict()
    else:
        record_templates(done.get("templates", {}))
        job.report(training.method, done["steps"], done["steps"])
    shares = done["counts"].get("replay_share", {})
    heard = training.reward is not None or training.looked is not None
    told = [*(done["notes"] if heard else ()), *coverage_warnings(training.coverage)]
    record_coverage(training.out, training.coverage)
    said = {"left_out": dict(gate.left_out), "gate": [*gate_words(gate), *told]}
    return {"figures": done["figures"], "steps": done["steps"], "replay": shares, **said}


def trained(training: TrainJob) -> dict[str, Any]:
    """Train, and return what came of it as plain values, with the templates that were rendered: for another process."""
    with recorded_templates() as used:
        return {**train(training).as_dict(), "templates": used}


def ahead(job: RunJob) -> None:
    """Begin in another process where something is to be measured in this one."""
    if METHODS.is_of_process(job.settings.method):  # another process does not know such a method
        return
    if online_step.draws_rollouts(job.settings):  # its reward asks the models of this process
        return
    if job.settings.options.alarm is not None:  # and so does an alarm
        return
    job.background.begin(trained, _training(job)[0])


def finish(job: RunJob, _: Facts) -> None:
    """Do what was put off and has not been done during a training."""
    job.background.finish()


def forecast(job: Job) -> Path:
    """Return the directory of the model that there would be; what rewards would be asked is counted."""
    if online_step.draws_rollouts(job.settings):
        online_step.plan(job, _training(job)[0])
    if job.settings.options.alarm is not None:
        # pairs are not there yet: of a training by passes over them the looks are guessed
        unknown = TRAIN_STEPS if job.task.takes[0].kind == "pairs" else None
        online_step.plan_look(job, _training(job)[0], job.settings.options.steps or unknown)
    return job.out


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the model that is trained, its reference, what it learns from, the settings and the replayed examples."""
    training, _ = _training(job)
    if online_step.draws_rollouts(job.settings):
        return online_step.online_inputs(job, training, _base(job))
    held_to, (learned, *_rest) = training.reference_dir, job.task.takes
    return {
        "policy": job.pool("trains").fingerprint(_base(job)),
        "reference": None
        if held_to is None
        else model_fingerprint(held_to, own_code=job.prepared.config.trust_remote_code),
        learned.kind: job.digest(learned.kind),
        "step": job.settings.as_dict(),
        "replay": digest(
            "examples",
            [[each.kind, [m.identity for m in each.messages]] for each in training.replay],
        ),
        "seed": job.seed,
        **online_step.alarm_key(job, training),
        **job.told("trains"),
    }


def since(job: Job) -> Since | None:
    """Return the held-out pairs, how answers were drawn, and the principles of a judge's questions."""
    if online_step.draws_rollouts(job.settings):
        return None
    training, _ = _training(job)
    drawn = job.took("completions")
    file = None if drawn is None else job.run / drawn.path
    constitution = job.constitution if METHODS.get(job.settings.method).asks_constitution else None
    return since_training(file, _pairs(job), _examples(job), training, constitution)


def check(checked: CheckedStep) -> None:
    """Raise InputError where examples that are replayed are missing, or a named model cannot be the reference."""
    settings = checked.entry.settings
    replay_examples(settings.options, checked.recipe.models.policy)
    wanted, remedy = METHODS.get(settings.method).reads_examples(settings.options)
    if wanted and checked.carried is not None and wanted not in checked.carried:
        maker = checked.maker("examples")
        made = "" if maker is None else f", and those of {maker.key!r} have none"
        raise InputError(f"{settings.method} learns from examples with a {wanted}{made}; {remedy}")


def require_training(checked: CheckedStep) -> None:
    """Raise InputError where training's packages, the model that is trained, or its reference are missing."""
    require(*TRAINING)
    initial = dict(checked.task.initial)
    known = (None, *checked.recipe.models.by_role())
    if checked.entry.named.get("trains") not in known:
        # a new role begins as the newest policy, which a step may be yet to make
        initial["trains"] = checked.recipe.models.policy
    for key in (each for each in (*STEP.roles, *STEP.may_name) if each in initial):
        model_directory(initial[key])
    base = model_directory(initial["trains"])
    settings = checked.entry.settings
    if checked.names.isdisjoint(_named_models(settings).values()):
        options = _with_models(settings, checked.task.stands)
        other = reference_directory(options, checked.recipe.models.policy)
        METHODS.get(settings.method).fits(options, base, other)


def fits(checked: CheckedStep, _: PreparedRecipe) -> None:
    """Raise InputError where the model that trains and the other one that it learns from do not go together.

    What is no directory here, or is yet to be made, is left to `require_training` and to the training.
    """
    settings, base = checked.entry.settings, checked.task.initial["trains"]
    named = {*_named_models(settings).values()} - {PREVIOUS, INITIAL}
    if not named or not checked.names.isdisjoint(named):
        return
    options = _with_models(settings, checked.task.stands)
    try:
        directories = model_directory(base), reference_directory(options, base)
    except InputError:
        return
    METHODS.get(settings.method).fits(options, *directories)


def moves(entry: RecipeStep) -> str | None:
    """Return the role that the recipe names, or the policy where the method trains one."""
    named: str | None = entry.named.get("trains")
    return named or ("policy" if _role(entry) is Role.POLICY else None)


def stands(entry: RecipeStep, path: str) -> str:
    """Return the name by which the trained model is opened."""
    return f"reward:{path}" if _role(entry) is Role.REWARD_MODEL else path


def _role(entry: RecipeStep) -> Role:
    return METHODS.get(entry.settings.method).trains


def parse(values: Mapping[str, Any], where: str) -> TrainStep:
    """Return the method and its options. Raises InputError for options that do not go together."""
    return train_step(**values, where=where)


def hint(entry: Mapping[str, Any], name: str) -> str | None:
    """Return what to do about another trainer's name, or another method's option."""
    return misplaced(str(entry.get("method", DEFAULT)), name)


def work(expected: Expected) -> int:
    """Count the steps of the training."""
    return expected.entry.settings.options.steps or TRAIN_STEPS


def row(facts: Facts, number: int) -> dict[str, Any]:
    """Return the share of each kind of example that was replayed, and what the data gate left out."""
    replay = facts.get("replay", {})
    share = sum(replay.values()) if number else None
    return {"replay": replay, "replay_share": share, "warnings": facts.get("gate", [])}


STEP = Step(
    name="train",
    help="A method learns from pairs or examples, or from rollouts of the policy: the policy, or what `trains` names.",
    settings=TrainStep,
    needs=(("pairs", EXAMPLES, "prompts"),),
    wants=lambda entry: (METHODS.get(entry.settings.method).takes,),
    makes="model",
    roles={"trains": "policy"},
    takes_of=lambda entry: "train" if online_step.draws_rollouts(entry.settings) else None,
    may_ask=online_step.named_models,
    also_takes=online_step.named_files,
    may_name={
        FROM: "what each round's training starts from anew; initial: the first model of what is trained"
    },
    of="on",
    also_of="of",
    make=make,
    forecast=forecast,
    inputs=inputs,
    since=since,
    ahead=ahead,
    finish=finish,
    moves=moves,
    stands=stands,
    trains=True,
    check=check,
    fits=fits,
    require=require_training,
    work=work,
    unit=lambda settings: ROW * (settings.options.batch_size or 1),
    columns={"replay": {}, "replay_share": None},
    row=row,
    schema=lambda beside, outside: train_step_schema(beside, from_outside=outside),
    hint=hint,
    parse=parse,
)

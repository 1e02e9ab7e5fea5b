"""`rlaif train`: pairs and a model directory in, a model directory out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import InputError, ThresholdError
from rlaif.exchange.examples import read_examples
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.hashing import digest
from rlaif.libraries.versions import TRAINING, require
from rlaif.records import Example, Pair
from rlaif.review.panels import Panel
from rlaif.review.training_charts import of_training
from rlaif.runs.claim import read_run
from rlaif.runs.described import no_pairs
from rlaif.runs.layout import (
    model_folder,
    pair_files,
    pairs_file,
    pairs_in,
    run_of,
    several_pairs,
    sources_of,
)
from rlaif.runs.record_files import judge_of
from rlaif.settings import options as options_of
from rlaif.shipped import MODELS
from rlaif.store import Store, find_store
from rlaif.training import TrainSummary
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.datasets.edited import EDITED, against_scores, as_edited, turned_pairs
from rlaif.workflows.datasets.review import as_reviewed
from rlaif.workflows.generate.unfit import warned
from rlaif.workflows.kept_progress import KeptProgress
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report, silent
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.train_step import TrainStep
from rlaif.workflows.results import PairResult
from rlaif.workflows.training.alarm.open import alarm_inputs, open_alarm
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.data_gate import gate_examples, gate_pairs, gate_replay, record_gate
from rlaif.workflows.training.datasets import NO_REVISION, run_constitution, run_revisions, run_sampled
from rlaif.workflows.training.example_source import example_source, only_examples
from rlaif.workflows.training.job import TrainJob, card
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.methods.dpo import DPOOptions
from rlaif.workflows.training.options import MethodOptions
from rlaif.workflows.training.pair_usage import note_usage
from rlaif.workflows.training.plan import plan_steps
from rlaif.workflows.training.read_options import check_options
from rlaif.workflows.training.recipe_runs import round_models
from rlaif.workflows.training.train_record import add_to_record

REPLAY_SET = "micro:judge"
PLAY = "self-rewarding"
"""The shipped recipe whose train step says how the bundled models are trained."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Trained(PairResult):
    """The result of a training: the model directory, the pairs, and what was measured on the way."""

    job: TrainJob
    outcome: TrainSummary

    @property
    def pairs(self) -> Sequence[Pair]:
        """The pairs that were trained on, those that the gate left out apart."""
        return self.job.pairs

    @property
    def out(self) -> Path:
        """The model directory: a name of the model wherever one is named."""
        return self.outcome.out

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: the method, where the model lies, how much it learned from."""
        rows = {"examples": len(self.job.examples)} if self.job.examples else {"pairs": len(self.pairs)}
        told = {"method": self.job.method, "out": str(self.out), **rows}
        return told | {"steps": self.outcome.steps}

    def _panels(self) -> Sequence[Panel]:
        return of_training(self.out)

    @property
    def figures(self) -> dict[str, Any]:
        """Figures for the screen: counts of pairs and steps, then the method's metrics."""
        counts, plan = self.outcome.counts, plan_steps(self.job)
        learned_from = "examples" if self.job.examples else "pairs"
        refused = sum(counts[learned_from]["refused"].values()) if learned_from in counts else 0
        rows = len(self.job.examples or self.job.pairs)
        shown = {learned_from: rows, "refused": refused, "steps": self.outcome.steps}
        shares = {f"replay {kind}": share for kind, share in counts.get("replay_share", {}).items()}
        hidden = METHODS.get(self.job.method).hidden
        learned = {name: value for name, value in self.outcome.figures.items() if name not in hidden}
        gate = self.job.gate
        shown |= {f"left out: {name}": count for name, count in gate.left_out.items()} if gate else {}
        shown |= {f"reviewed: {name}": count for name, count in self.job.reviewed.items()}
        if plan is not None:
            shown |= {"rows a step": plan.batch_size, "passes": f"{plan.passes:.3g}"}
        return shown | {"learning rate": f"{self.outcome.learning_rate:.2g}"} | shares | learned

    @property
    def summary(self) -> str:
        """One line: the method and the model directory."""
        return f"{self.job.method}: {self.outcome.out}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "out": str(self.outcome.out),
            "method": self.outcome.method,
            "steps": self.outcome.steps,
            "learning_rate": self.outcome.learning_rate,
            "counts": dict(self.outcome.counts),
            "figures": dict(self.outcome.figures),
            "notes": list(self.outcome.notes),
            **({"gate": self.job.gate.as_dict()} if self.job.gate else {}),
            "reviewed": dict(self.job.reviewed),
        }


def settle(config: TrainConfig) -> TrainJob:
    """Read and check everything that can be read without a model. Raises InputError, ThresholdError."""
    job = _settled(config)
    if job.options.alarm is None:
        return job
    run = (run_of(config.source) or config.source) if config.source.is_dir() else None
    looked = alarm_inputs(
        job,
        where="train",
        held_out=read_prompts(config.held_out) if config.held_out is not None else (),
        constitution=job.constitution or (run_constitution(run) if run is not None else None),
    )
    return replace(job, looked=looked)


def _settled(config: TrainConfig) -> TrainJob:
    require(*TRAINING)
    method = METHODS.get(config.method)
    if method.reward_of is not None:
        raise InputError(
            f"{method.name} learns from prompts and a reward, and not from a run or a file of pairs; say `rlaif train "
            f"{method.name} --prompts FILE --reward judge=NAME --policy MODEL --out DIR`, in Python prompts=, reward=, "
            "policy= and out= without a source"
        )
    if "pairs" not in method.takes:
        return settle_examples(config, method)
    run = (run_of(config.source) or config.source) if config.source.is_dir() else None
    found = read_run(run) if run is not None else {}
    if run is not None and (revised := _revisions(method, config, run)):
        return _imitation(method, config, run, found, revised)
    if "examples" in method.takes and only_examples(config.source):
        return settle_examples(config, method)
    if run is not None and not pair_files(run):
        raise InputError(no_pairs(run, str(found.get("command")), str(found["status"])))
    pairs = read_pairs(file := pairs_file(config.source))
    several = several_pairs(file) if run is not None else None
    _refuse_unreadable(found, config.max_unreadable)
    if not pairs:
        raise InputError(f"{file}: holds no pair; its funnel says why (`rlaif status`, `rlaif report`)")
    changed = as_edited(config.source, [file], config.edited)
    doubts = [*changed, *_from_elsewhere(found, pairs)]
    if not doubts and (turned := turned_pairs(config.source, found, pairs, config.store)):
        doubts = [f"{turned} of {len(pairs)} pairs have another side or label than the run put in its store"]
    pairs, reviewed = as_reviewed(config.source, config.store, pairs, config.reviewed)
    pairs, gated = gate_pairs(config, pairs, found)
    found = _with_models(found, file)
    policy = config.policy or (_judge_of if method.trains is Role.JUDGE else _policy_of)(config.source, found)
    options = _options(method, config.options, policy)
    out = _place(config, run)
    told = _told(found, policy)
    marks = config.thought_marks or told.get("thought_marks")
    return TrainJob(
        method=method.name,
        options=options,
        pairs=pairs,
        base=model_directory(policy),
        out=out,
        reference_dir=reference_directory(options, None),
        replay=gate_replay(config, replay_examples(options, policy)),
        seed=config.seed,
        sampled={} if run is None else run_sampled(sources_of(file).completions, _fingerprint(found, policy)),
        constitution=run_constitution(run or config.source) if method.asks_constitution else None,
        chat_template_kwargs={**_template_arguments(told), **config.chat_template_kwargs},
        thought_marks=(marks[0], marks[1]) if marks else None,
        trust_remote_code=config.trust_remote_code,
        card=card(pairs, str(config.source), _judge_name(found)) | ({"edited": EDITED} if changed else {}),
        gate=gated,
        edited=bool(changed),
        doubts=[*([several] if several else []), *doubts, *warned(pairs, found.get("summary") or {})],
        reviewed=reviewed,
        origins=_origins(config.options, _bundled(method, policy)),
        store=find_store(config.source, config.store),
    )


def _place(config: TrainConfig, run: Path | None) -> Path:
    """Where the model goes. Raises InputError where nothing says it."""
    out = config.out or (
        model_folder(run, config.method) if run == config.source and run is not None else None
    )
    if out is None:
        what = "a pairs file" if run is None else "a round of a run"
        raise InputError(f"--out is missing: {what} says no place for a model")
    return out


def settle_examples(config: TrainConfig, method: Method) -> TrainJob:
    """As `settle`, for a method that learns from examples: of a file, or those that a recipe's run made last."""
    unread = {"reviewed": "ignore", "edited": False}
    for name, usual in unread.items():
        if getattr(config, name) != usual:
            raise InputError(f"{method.name} learns from examples, and {name} is about pairs; remove it")
    source = example_source(config.source)
    found = _with_models({}, source.file)
    policy = config.policy or _policy_of(source.file, found)
    options, told = _options(method, config.options, policy), _told(found, policy)
    marks = config.thought_marks or told.get("thought_marks")
    base, other = model_directory(policy), reference_directory(options, None)
    method.fits(options, base, other)
    out = config.out or (model_folder(source.run, config.method) if source.run == config.source else None)
    if out is None:
        raise InputError("--out is missing: a file of examples says no place for a model")
    print_ = model_fingerprint(base, own_code=config.trust_remote_code)
    examples, gated = gate_examples(config, read_examples(source.file))
    job = TrainJob(
        method=method.name,
        options=options,
        pairs=(),
        examples=examples,
        gate=gated,
        base=base,
        out=out,
        reference_dir=other,
        seed=config.seed,
        sampled={} if source.completions is None else run_sampled(source.completions, print_),
        chat_template_kwargs={**_template_arguments(told), **config.chat_template_kwargs},
        thought_marks=(marks[0], marks[1]) if marks else None,
        trust_remote_code=config.trust_remote_code,
        card=card((), str(config.source)),
        origins=_origins(config.options, _bundled(method, policy)),
        store=find_store(config.source, config.store),
    )
    return job


def _revisions(method: Method, config: TrainConfig, run: Path) -> list[Example]:
    """What a run's step `revise` made, where that is to be learned and no pair of the run says what a revision is."""
    given = {name: value for name, value in config.options.items() if value is not None}
    if not method.learns_revisions(method.standalone(method.options, given, None)):
        return []
    own = pairs_in(config.source)
    if own is not None and any(each.revision_of is not None for each in read_pairs(own)):
        return []
    found = run_revisions(config.source)
    if not found and own is None and pair_files(run):
        raise InputError(f"{run}: {NO_REVISION}")
    return found


def _imitation(
    method: Method, config: TrainConfig, run: Path, found: dict[str, Any], learned: Sequence[Example]
) -> TrainJob:
    """The training on revisions, of which no pair and no label is asked."""
    found = _with_models(found, config.source)
    policy = config.policy or _policy_of(config.source, found)
    out = config.out or (model_folder(run, config.method) if run == config.source else None)
    if out is None:
        raise InputError("--out is missing: a round of a run says no place for a model")
    told = _told(found, policy)
    marks = config.thought_marks or told.get("thought_marks")
    examples, gated = gate_examples(config, learned)
    return TrainJob(
        method=method.name,
        options=_options(method, config.options, policy),
        pairs=[],
        examples=examples,
        gate=gated,
        base=model_directory(policy),
        out=out,
        seed=config.seed,
        chat_template_kwargs={**_template_arguments(told), **config.chat_template_kwargs},
        thought_marks=(marks[0], marks[1]) if marks else None,
        trust_remote_code=config.trust_remote_code,
        card=card([], str(config.source), _judge_name(found)),
        origins=_origins(config.options, _bundled(method, policy)),
        store=find_store(config.source, config.store),
    )


def _from_elsewhere(facts: Mapping[str, Any], pairs: Sequence[Pair]) -> list[str]:
    """What to say of pairs that no judge of ours labelled."""
    said = against_scores(pairs) if facts.get("command") in (None, "import") else None
    return [said] if said is not None else []


def train(job: TrainJob, progress: Report = silent) -> Trained:
    """Train, or go on with, or only read what is finished already."""
    method = METHODS.get(job.method)
    progress = KeptProgress(job.out, progress)

    def report(step: int, steps: int, figures: Mapping[str, float]) -> None:
        progress(job.method, step, steps, figures=figures)

    with METHODS.guarded(job.method), _alarmed(job, progress) as ready:
        outcome = method.run(ready, report)
    record_gate(outcome.out, job.gate)
    if job.edited:
        add_to_record(outcome.out, "edited", EDITED)
    if method.uses_pairs:
        note_usage(outcome.out, job.store or find_store(job.out))
    return Trained(job=job, outcome=outcome)


@contextmanager
def _alarmed(job: TrainJob, progress: Report) -> Iterator[TrainJob]:
    """The job with its alarm open, where it has one that nobody has opened."""
    if job.looked is None or job.alarm is not None:
        yield job
        return
    options = ModelOptions(
        chat_template_kwargs=job.chat_template_kwargs, trust_remote_code=job.trust_remote_code
    )
    models = ModelPool(options, progress, job.seed)
    with Store.open(job.store or find_store(job.out)) as store:
        models.record(store, digest("alarm", str(job.out)))
        try:
            yield replace(job, alarm=open_alarm(job.looked, models, job))
        finally:
            models.close()


def replay_examples(options: MethodOptions, policy: str) -> list[Example]:
    """The examples that the options replay; the bundled models have their own, others must name a file."""
    if not isinstance(options, DPOOptions) or not options.replay:
        return []
    source = options.replay_from or (REPLAY_SET if policy in MODELS else None)
    if source is None:
        wanted = ", ".join(options.replay)
        raise InputError(
            f"replay of {wanted} needs examples: name a file of them (--replay-from, or `replay_from`)"
        )
    found = read_examples(source)
    kinds = {each.kind for each in found}
    if missing := [kind for kind in options.replay if kind not in kinds]:
        has = ", ".join(sorted(map(repr, kinds)))
        raise InputError(f"{source}: has no example of kind {missing[0]!r} to replay; it has {has}")
    return [each for each in found if each.kind in options.replay]


def reference_directory(options: MethodOptions, initial: str | None) -> Path | None:
    """Where the weights of the other model lie that options name: a reference (`init`: the first policy), a teacher."""
    named = options.named_model
    if named is None:
        return None
    named = initial if named == "init" else named
    return None if named is None else model_directory(named)


def _options(method: Method, given: Mapping[str, Any], policy: str) -> MethodOptions:
    found = method.standalone(method.options, given, _bundled(method, policy))
    check_options(method, found, "train")
    return found


def _origins(given: Mapping[str, Any], bundled: MethodOptions | None) -> dict[str, str]:
    usual = {} if bundled is None else {each.name: each.default for each in options_of(type(bundled))}
    of_recipe = {name: f"recipe {PLAY}" for name in usual if getattr(bundled, name) != usual[name]}
    return of_recipe | {name: "given" for name, value in given.items() if value is not None}


def _bundled(method: Method, policy: str) -> MethodOptions | None:
    """How the shipped recipe trains the bundled models, if it does by this method and `policy` is one."""
    if policy not in MODELS:
        return None
    held = (each.settings for each in load_recipe(PLAY).round)
    steps = (step for step in held if isinstance(step, TrainStep))
    return next((step.options for step in steps if step.method == method.name), None)


def _with_models(found: dict[str, Any], source: Path) -> dict[str, Any]:
    """What a run says of itself, with the models of the round that a path means, where a recipe made it."""
    known = round_models(source)
    return {**found, "config": {**(found.get("config") or {}), **known}} if known else found


def _policy_of(source: Path, found: Mapping[str, Any]) -> str:
    policies = (found.get("config") or {}).get("policies") or []
    if len(policies) != 1:
        raise InputError(f"--policy is missing: {source} does not say which one model is to be trained")
    return str(policies[0]["name"])


def _judge_name(found: Mapping[str, Any]) -> str | None:
    name: str | None = judge_of(found).get("name")
    return name


def _judge_of(source: Path, found: Mapping[str, Any]) -> str:
    name = _judge_name(found)
    if name is None:
        raise InputError(f"--policy is missing: {source} does not say which judge is to be trained")
    return name


def _fingerprint(found: Mapping[str, Any], policy: str) -> str | None:
    """By which the run's completions name the model that trains, if it wrote some of them."""
    policies = (found.get("config") or {}).get("policies") or []
    return next((str(each["fingerprint"]) for each in policies if each["name"] == policy), None)


def _told(found: Mapping[str, Any], policy: str) -> Mapping[str, Any]:
    """What the run says of how its policy of this name was asked."""
    policies = (found.get("config") or {}).get("policies") or []
    return next((each.get("options") or {} for each in policies if each["name"] == policy), {})


def _template_arguments(told: Mapping[str, Any]) -> dict[str, Any]:
    """Prompts are rendered as they were when their completions were drawn."""
    said = dict(told.get("chat_template_kwargs") or {})
    if told.get("enable_thinking") is not None:
        from rlaif.training.turns import THINKING

        said = dict.fromkeys(THINKING, told["enable_thinking"]) | said
    return ({"reasoning_effort": told["reasoning_effort"]} if told.get("reasoning_effort") else {}) | said


def _refuse_unreadable(found: Mapping[str, Any], limit: float) -> None:
    share = (found.get("summary") or {}).get("unreadable_share")
    if share is not None and share > limit:
        raise ThresholdError(
            f"{share:.1%} of the judgments are unreadable, limit {limit:.1%}: "
            "ask another judge, or raise --max-unreadable"
        )

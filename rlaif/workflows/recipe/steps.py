"""The steps of a round, one function each: inputs digested, result kept, taken from where it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from rlaif.atomic import write_text
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.kinds import judges_in_writing
from rlaif.exchange.completions import by_prompt, read_completions, write_completions
from rlaif.exchange.judgments import read_judgments, write_judgments
from rlaif.exchange.pairs import pair_row, read_pairs, write_pairs
from rlaif.feedback import score_completions
from rlaif.feedback.pairing import NO_PAIRWISE, pair_plan
from rlaif.hashing import digest, digest_files
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocols import Asking
from rlaif.records import Completion, Judgment, Pair, Prompt
from rlaif.runs.identity import described_prompts
from rlaif.runs.layout import (
    COMPARISONS,
    COMPLETIONS,
    EVALUATION,
    FUNNEL,
    JUDGMENTS,
    MODELS,
    PAIRS,
    round_name,
)
from rlaif.store import Store
from rlaif.workflows.evaluation.policy_metrics import Measured, gap, measure, pair_precision
from rlaif.workflows.generate.judge_step import (
    asking_of,
    consistencies,
    counts,
    make_preference_pairs,
    not_applied,
)
from rlaif.workflows.generate.principle_tests import misunderstood, own_tests
from rlaif.workflows.generate.rollouts import draw, round_prompts, step_sampling
from rlaif.workflows.models.failures import failed_judgments
from rlaif.workflows.models.gold import has_gold
from rlaif.workflows.models.judge_names import is_control, model_directory
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report
from rlaif.workflows.recipe.meanwhile import Meanwhile
from rlaif.workflows.recipe.prepare import INITIAL, PREVIOUS, Played
from rlaif.workflows.recipe.recipes import EvaluateStep, JudgeStep, PairsStep, SampleStep, TrainStep
from rlaif.workflows.recipe.step_cache import Steps
from rlaif.workflows.recipe.step_inputs import since_columns, since_tests, since_training
from rlaif.workflows.training.data_gate import gate_round, gate_words
from rlaif.workflows.training.datasets import sampled
from rlaif.workflows.training.job import TrainJob, card
from rlaif.workflows.training.method import Role
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.run import reference_directory, replay_examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What all rounds of a run share."""

    played: Played
    models: ModelPool
    steps: Steps
    store: Store
    run_id: str
    report: Report
    meanwhile: Meanwhile

    def judge_name(self, policy: str) -> str:
        """Who judges while `policy` is the newest."""
        named = self.played.recipe.models.judge
        return policy if named == PREVIOUS else named


@dataclass(slots=True, kw_only=True)
class Round:
    """One round as it comes about."""

    number: int
    before: str
    """The policy that the round starts from; it samples and, where the judge is `previous`, judges."""
    policy: str
    """The newest policy: `before`, until a train step makes another."""
    completions: list[tuple[Prompt, Completion]] = field(default_factory=list)
    judgments: list[Judgment] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """What each step said of itself, by the step's name."""

    def path(self, name: str) -> str:
        """A file of this round, inside the run."""
        return f"{round_name(self.number)}/{name}"


def sample(stage: Stage, this: Round, step: SampleStep) -> None:
    """The policy answers the round's prompts."""
    recipe = stage.played.recipe
    prompts = round_prompts(stage.played.prompts["train"], this.number, step.prompts, recipe.seed)
    sampling = step_sampling(step)
    file = this.path(COMPLETIONS)

    def make() -> dict[str, Any]:
        drawn = draw(stage.models, [this.before], prompts, step.n, sampling, recipe.seed)
        write_completions(stage.steps.run / file, drawn)
        return {"prompts": len(prompts), "completions": len(drawn)}

    inputs = {
        "policy": stage.models.fingerprint(this.before),
        "prompts": described_prompts(prompts),
        "n": step.n,
        "sampling": asdict(sampling),
        "seed": recipe.seed,
    }
    this.facts["sample"] = stage.steps.do(this.path("sample"), inputs, [file], make, since_columns(prompts))
    this.completions = read_completions(stage.steps.run / file)


def judge(stage: Stage, this: Round, step: JudgeStep) -> None:
    """The judge looks at each completion alone."""
    file = this.path(JUDGMENTS)
    name = stage.judge_name(this.before)
    how = _asking(stage, step.protocol, name, step)

    def make() -> dict[str, Any]:
        found = judge_pointwise(
            stage.models.judge(name), stage.played.constitution, this.completions, step.protocol, how
        )
        write_judgments(stage.steps.run / file, found)
        return {"judgments": len(found)}

    inputs = {
        "judge": stage.models.fingerprint(name),
        "completions": digest_files([stage.steps.run / this.path(COMPLETIONS)]),
        "constitution": stage.played.constitution.digest,
        "protocol": step.protocol,
        "asking": asdict(how),
        **_form(stage, name),
    }
    this.facts["judge"] = stage.steps.do(this.path("judge"), inputs, [file], make)
    this.judgments = read_judgments(stage.steps.run / file)


def _form(stage: Stage, judge: str) -> dict[str, bool]:
    """What a step's key has beside its inputs where the judge writes its verdicts."""
    return {"in_writing": True} if judges_in_writing(judge, stage.models.in_writing) else {}


def _asking(stage: Stage, name: str, judge: str, step: JudgeStep | PairsStep) -> Asking:
    return asking_of(name, judge, seed=stage.played.recipe.seed, samples=step.samples, again=step.ask_again)


def pairs(stage: Stage, this: Round, step: PairsStep) -> None:
    """Two completions of a prompt become a pair, or there is a reason why not."""
    seed = stage.played.recipe.seed
    constitution, name = stage.played.constitution, stage.judge_name(this.before)
    files = [this.path(each) for each in (PAIRS, FUNNEL, COMPARISONS)]
    asking = None if step.then == NO_PAIRWISE else _asking(stage, step.then, name, step)
    how = pair_plan(step, then=step.then, asking=asking, seed=seed, round=this.number)

    def make() -> dict[str, Any]:
        judge = stage.models.judge(name)
        paired = make_preference_pairs(
            judge, constitution, this.completions, this.judgments, how, step.critique
        )
        made, funnel = paired.pairs, paired.funnel
        write_pairs(stage.steps.run / files[0], made)
        write_text(stage.steps.run / files[1], json.dumps(counts(funnel), indent=1) + "\n")
        write_judgments(stage.steps.run / files[2], paired.comparisons)
        by_id = {prompt.id: prompt for prompt, _ in this.completions}
        tests = {} if is_control(name) else own_tests(judge, constitution)
        room = gap(constitution, _scored(stage, this)) if has_gold(list(by_id.values())) else None
        return {
            "pairs": len(made),
            "pair_precision": pair_precision(constitution, by_id, made),
            "gap": None if room is None else room._asdict(),
            "unreadable_share": funnel.unreadable_share,
            "order_consistency": consistencies(funnel),
            "not_applied": [
                *failed_judgments([*this.judgments, *paired.comparisons]),
                *not_applied(funnel),
                *misunderstood(tests),
            ],
        }

    inputs = {
        "judge": stage.models.fingerprint(name),
        "judgments": digest_files([stage.steps.run / this.path(JUDGMENTS)]),
        "completions": digest_files([stage.steps.run / this.path(COMPLETIONS)]),
        "constitution": constitution.digest,
        "step": asdict(step),
        "seed": seed,
        "round": this.number,
        **_form(stage, name),
    }
    if step.pairing in ("all", "rank"):
        # several pairs of a prompt share its weight, which they did not always
        inputs["weights"] = "by prompt"
    this.facts["pairs"] = stage.steps.do(
        this.path("pairs"), inputs, files, make, since_tests(constitution, name)
    )
    this.pairs = read_pairs(stage.steps.run / files[0])
    stage.store.put_pairs(f"{stage.run_id}/{this.number}", [pair_row(each) for each in this.pairs])


def _scored(stage: Stage, this: Round) -> list[tuple[Prompt, list[tuple[Completion, float | None]]]]:
    said: dict[str, list[Judgment]] = {}
    for each in this.judgments:
        said.setdefault(each.prompt_id, []).append(each)
    groups = []
    for prompt, texts in by_prompt(this.completions):
        scored = score_completions(prompt, texts, said.get(prompt.id, []), stage.played.constitution)
        groups.append((prompt, [(each.completion, each.score) for each in scored]))
    return groups


def train(stage: Stage, this: Round, step: TrainStep) -> None:
    """The pairs make the next policy."""
    recipe = stage.played.recipe
    folder = f"{MODELS}/{round_name(this.number)}"
    method = METHODS.get(step.method)
    replay = replay_examples(step.options, recipe.models.policy)
    pairs, gate = gate_round(this.pairs, stage.played.prompts)
    drawn = sampled((said for _, said in this.completions), stage.models.fingerprint(this.before))
    job = TrainJob(
        method=step.method,
        options=step.options,
        pairs=pairs,
        gate=gate,
        base=model_directory(this.before),
        out=stage.steps.run / folder,
        reference_dir=(held_to := reference_directory(step.options, recipe.models.policy)),
        replay=replay,
        seed=recipe.seed,
        sampled=drawn,
        constitution=stage.played.constitution,
        chat_template_kwargs=stage.played.config.chat_template_kwargs,
        card=card(pairs, f"{recipe.name}, round {this.number}", stage.judge_name(this.before)),
    )

    def make() -> dict[str, Any]:
        done = stage.meanwhile.trained(job, stage.report)
        shares = done["counts"].get("replay_share", {})
        said = {"left_out": dict(gate.left_out), "gate": gate_words(gate)}
        return {"figures": done["figures"], "steps": done["steps"], "replay": shares, **said}

    inputs = {
        "policy": stage.models.fingerprint(this.before),
        "reference": None if held_to is None else model_fingerprint(held_to, own_code=False),
        "pairs": digest_files([stage.steps.run / this.path(PAIRS)]),
        "step": step.as_dict(),
        "replay": digest(
            "examples", [[each.kind, [[m.role, m.content] for m in each.messages]] for each in replay]
        ),
        "seed": recipe.seed,
    }
    constitution = stage.played.constitution if method.asks_constitution else None
    read = since_training(stage.steps.run / this.path(COMPLETIONS), this.pairs, job, constitution)
    ahead = partial(stage.meanwhile.begin, job)
    this.facts["train"] = stage.steps.do(this.path("train"), inputs, [folder], make, read, ahead)
    stage.meanwhile.finish()
    if method.trains is Role.POLICY:
        this.policy = str(job.out)


def evaluate(stage: Stage, this: Round, step: EvaluateStep) -> None:
    """The newest policy is measured."""
    recipe, models = stage.played.recipe, stage.models
    prompts = stage.played.prompts[step.on][: step.prompts]
    called = {INITIAL: recipe.models.policy, PREVIOUS: this.before}
    what = Measured(
        policy=this.policy,
        judge=stage.judge_name(this.policy),
        initial=recipe.models.policy,
        first_judge=stage.judge_name(recipe.models.policy),
        # before any feedback there is nobody else to compare with
        against={name: called.get(name, name) for name in step.against if this.number or name not in called},
        gold=step.gold and has_gold(prompts),
    )
    file = this.path(EVALUATION)

    def make() -> dict[str, Any]:
        row = measure(models, stage.played.constitution, prompts, what, recipe.seed)
        write_text(stage.steps.run / file, json.dumps(row, indent=1, ensure_ascii=False) + "\n")
        return row

    inputs = {
        "models": {
            name: models.fingerprint(getattr(what, name))
            for name in ("policy", "judge", "initial", "first_judge")
        },
        "against": {name: models.fingerprint(model) for name, model in what.against.items()},
        "gold": what.gold,
        "prompts": described_prompts(prompts),
        "constitution": stage.played.constitution.digest,
        "seed": recipe.seed,
        **_form(stage, what.judge),
    }
    this.facts["evaluate"] = stage.steps.do(this.path("evaluate"), inputs, [file], make)

"""What the rounds of a recipe would cost: they are played with models that answer nothing, and nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rlaif.feedback.pairing import NO_PAIRWISE, pair_plan
from rlaif.judging.pointwise import judge_pointwise
from rlaif.records import Completion, Judgment, Prompt
from rlaif.runs.layout import model_of_round
from rlaif.store import find_store
from rlaif.workflows.dry_run import cost as planning
from rlaif.workflows.dry_run.cost import PlannedModels
from rlaif.workflows.dry_run.pair_bounds import PlannedPairs
from rlaif.workflows.evaluation.policy_metrics import Measured, measure
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.generate.principle_tests import own_tests
from rlaif.workflows.generate.rollouts import draw, round_prompts, step_sampling
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.recipe.prepare import INITIAL, PREVIOUS, Played, steps, writes
from rlaif.workflows.recipe.recipes import EvaluateStep, JudgeStep, PairsStep, SampleStep, TrainStep
from rlaif.workflows.training.method import Role
from rlaif.workflows.training.methods import METHODS


@dataclass(slots=True)
class Rounds:
    """The rounds so far."""

    played: Played
    models: PlannedModels
    policy: str
    """The newest."""
    before: str = ""
    drawn: list[tuple[Prompt, Completion]] = field(default_factory=list)
    judgments: list[Judgment] = field(default_factory=list)

    def judge_name(self, policy: str) -> str:
        """Who judges while `policy` is the newest."""
        named = self.played.recipe.models.judge
        return policy if named == PREVIOUS else named

    def sample(self, number: int, step: SampleStep) -> None:
        """The policy would answer the round's prompts."""
        recipe = self.played.recipe
        prompts = round_prompts(self.played.prompts["train"], number, step.prompts, recipe.seed)
        self.drawn = draw(self.models, [self.before], prompts, step.n, step_sampling(step), recipe.seed)

    def judge(self, step: JudgeStep) -> None:
        """The judge would look at each completion alone."""
        name = self.judge_name(self.before)
        seed = self.played.recipe.seed
        how = asking_of(step.protocol, name, seed=seed, samples=step.samples, again=step.ask_again)
        judge = self.models.judge(name)
        self.judgments = judge_pointwise(judge, self.played.constitution, self.drawn, step.protocol, how)

    def pairs(self, number: int, step: PairsStep) -> None:
        """The judge would compare, and criticise."""
        name, seed = self.judge_name(self.before), self.played.recipe.seed
        asking = None
        if step.then != NO_PAIRWISE:
            asking = asking_of(step.then, name, seed=seed, samples=step.samples, again=step.ask_again)
        how = pair_plan(step, then=step.then, asking=asking, seed=seed, round=number)
        constitution = self.played.constitution
        PlannedPairs(self.models, name, constitution, how, step.critique).play(self.drawn, self.judgments)
        if not is_control(name):
            own_tests(self.models.judge(name), constitution)

    def train(self, number: int, step: TrainStep) -> None:
        """There would be another policy."""
        if METHODS.get(step.method).trains is not Role.POLICY:
            return
        folder = model_of_round(self.played.config.out, number)
        trained = str(folder)
        if not folder.is_dir():
            # its fingerprint is that of nothing that anybody has asked yet
            self.models.made_of[trained] = self.models.made_of.get(self.before, self.before)
        self.policy = trained

    def evaluate(self, number: int, step: EvaluateStep) -> None:
        """The newest policy would be measured."""
        recipe = self.played.recipe
        called = {INITIAL: recipe.models.policy, PREVIOUS: self.before}
        what = Measured(
            policy=self.policy,
            judge=self.judge_name(self.policy),
            initial=recipe.models.policy,
            first_judge=self.judge_name(recipe.models.policy),
            against={name: called.get(name, name) for name in step.against if number or name not in called},
            gold=False,
        )
        prompts = self.played.prompts[step.on][: step.prompts]
        measure(self.models, self.played.constitution, prompts, what, recipe.seed)


def plan(played: Played) -> planning.Plan:
    """What would be done, for `--dry-run`."""
    return planning.Plan(steps(played), forecast(played))


def forecast(played: Played) -> dict[str, Any]:
    """Calls, tokens and cost of all rounds, by model; a model that is yet to be trained goes by its directory."""
    config, recipe = played.config, played.recipe
    models = PlannedModels(config, seed=recipe.seed, in_writing=writes(recipe, config.out))
    rounds = Rounds(played, models, recipe.models.policy)
    with planning.planning(models, find_store(config.out, config.store), config.out):
        for number in range(recipe.rounds + 1):
            rounds.before = rounds.policy
            _play(rounds, number)
        return planning.estimate(models)


def _play(rounds: Rounds, number: int) -> None:
    for step in rounds.played.recipe.round:
        match step:
            case EvaluateStep():
                rounds.evaluate(number, step)
            case _ if number == 0:  # the model before any feedback is only measured
                continue
            case SampleStep():
                rounds.sample(number, step)
            case JudgeStep():
                rounds.judge(step)
            case PairsStep():
                rounds.pairs(number, step)
            case TrainStep():
                rounds.train(number, step)

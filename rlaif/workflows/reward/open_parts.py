"""A reward opened: judges and models through the pool of the command, every call in its store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rlaif.constitution import load_principles
from rlaif.errors import InputError, RecipeError
from rlaif.exchange.rubrics import read_rubrics
from rlaif.judging import Judge, ScoringJudge
from rlaif.judging.group_rewards.circular_part import CircularPart
from rlaif.judging.group_rewards.combined import Combined, WeighedPart
from rlaif.judging.group_rewards.criteria import JudgedBy
from rlaif.judging.group_rewards.length_regressed import LengthRegressed
from rlaif.judging.group_rewards.part import GroupPart
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.judging.kinds import judge_kind
from rlaif.judging.protocol import reads_principles
from rlaif.judging.protocols import PER_PRINCIPLE, protocol
from rlaif.judging.rbr import RuleJudge, RuleReward, Weights
from rlaif.judging.registered import judge_name_of
from rlaif.judging.reward_judge import PREFIX
from rlaif.records import Constitution
from rlaif.workflows.generate.judge_step import asking_of
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import NOTHING, RoleOptions
from rlaif.workflows.models.thinking_judge import refuse_unthinking
from rlaif.workflows.rbr.load_rules import reward_model
from rlaif.workflows.reward.functions import load_function
from rlaif.workflows.reward.spec import RewardPartSpec, RewardSpec, label_of

JUDGE = "judge"
"""The role that judges where a recipe says nothing else."""
OF_THE_WHOLE = "reward"
"""The protocol that asks for one number of the whole."""
RUBRIC = "rubric"
"""The protocol of a part with rubrics that names none."""


def _asked_plainly(_: str) -> RoleOptions:
    return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardOpener:
    """What a reward is opened with."""

    models: ModelPool
    """Those of the command. They keep their calls in its store: equal questions are answered from there."""
    constitution: Constitution
    """By which judges judge where a part names no other."""
    seed: int
    where: str
    """File and line of the entry, for messages."""
    stands: Mapping[str, str] = field(default_factory=dict)
    """Models by the names that a recipe has for them: roles, `previous`, models that steps made."""
    asked: Callable[[str], RoleOptions] = _asked_plainly
    """How the model of a role is asked."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """What steps of a recipe made, by the names that it has for them: rubrics, weights of rules."""

    _asks: list[tuple[ModelPool, str, RewardPartSpec]] = field(default_factory=list)
    """Judges and models that were opened, each with the pool that asks it and the part that it is of."""

    def open(self, spec: RewardSpec) -> PartsReward:
        """The reward. Raises RecipeError, naming the part, for what cannot be opened or judged so."""
        with self._told():
            return PartsReward(self._combined(spec, "reward"), self._reach)

    def _reach(self) -> None:
        """Find out that everybody can be asked. Raises EngineError, RecipeError."""
        for models, name, part in self._asks:
            with self._told(part):
                models.reach(name)

    def _combined(self, spec: RewardSpec, name: str) -> Combined:
        parts = [
            WeighedPart(
                part=self._part(each),
                weight=each.weight,
                at_least=each.at_least if each.hard else None,
                normalise=each.normalise,
                rare=each.rare,
            )
            for each in spec.parts
        ]
        return Combined(parts, name=name, together=spec.together, penalty=spec.penalty, floor=spec.floor)

    def _part(self, part: RewardPartSpec) -> GroupPart:
        with self._told(part):
            whole = part.parts
            opened = self._leaf(part) if whole is None else self._combined(whole, label_of(part))
            return LengthRegressed(opened) if part.regress_length else opened

    def _leaf(self, part: RewardPartSpec) -> GroupPart:
        if isinstance(weights := self.made.get(part.source), Weights):
            return self._rules(part, weights)
        name = self._judge_name(part)
        asks = part.compares or part.protocol or (RUBRIC if part.rubrics is not None else None)
        how = asking_of(
            asks or PER_PRINCIPLE, name, seed=self.seed, samples=part.samples, again=part.ask_again
        )
        models = self._pool(part)
        refuse_unthinking(models, name, [asks or PER_PRINCIPLE])
        judge = models.judge(name, in_writing=asks is not None and protocol(asks).reads_text)
        self._refuse_unread(part, judge)
        label, judged_by = label_of(part), self._judged_by(part)
        if part.compares is not None:
            return CircularPart(label, judge, judged_by.constitution, protocol=part.compares, how=how)
        return PointwisePart(label, judge, judged_by, protocol=asks, how=how)

    def _rules(self, part: RewardPartSpec, weights: Weights) -> GroupPart:
        """Rules whose weights a step fitted; asked are the models that they were fitted with."""
        assert weights.judge is not None, "a step fits rules to what its judge said"
        if part.protocol not in (None, OF_THE_WHOLE):
            raise InputError(
                f"fitted rules give one number of the whole, and protocol is {part.protocol!r}; remove it"
            )
        judge, base = weights.judge["name"], weights.base["name"] if weights.base else None
        asked = self._as_role(judge)
        self._open(asked, judge, part)
        if base is not None:
            self._asks.append((self.models, base, part))
        reward = RuleReward(weights, asked.judge(judge), reward_model(self.models, base))
        rules = RuleJudge(label_of(part), reward)
        self._refuse_unread(part, rules)
        return PointwisePart(label_of(part), rules, self._judged_by(part))

    def _as_role(self, name: str) -> ModelPool:
        """The models, asked as the recipe asks the judge of this name, or the first role that it is."""
        roles = [each for each, model in self.stands.items() if model == name]
        role = JUDGE if JUDGE in roles else next(iter(roles), None)
        return self.models if role is None else self.models.acting(self.asked(role))

    def _judge_name(self, part: RewardPartSpec) -> str:
        """The name of the judge that a part means: its models are open then."""
        if part.function is not None:
            return judge_name_of(load_function(part.function))
        name = self.stands.get(part.source, part.source)
        if part.model is not None and not issubclass(judge_kind(name).makes, ScoringJudge):
            # a model by its directory, as a reward model is opened
            name = f"{PREFIX}{name}"
        self._open(self._pool(part), name, part)
        return name

    def _open(self, models: ModelPool, name: str, part: RewardPartSpec) -> None:
        models.open(name)
        self._asks.append((models, name, part))

    def _pool(self, part: RewardPartSpec) -> ModelPool:
        return self.models.acting(self.asked(part.source)) if part.source in self.stands else self.models

    def _judged_by(self, part: RewardPartSpec) -> JudgedBy:
        constitution = self.constitution if part.constitution is None else load_principles(part.constitution)
        named = None if part.rubrics is None else self.made.get(str(part.rubrics))
        rubrics = read_rubrics(part.rubrics) if part.rubrics is not None and named is None else named
        held = None if rubrics is None else {each.prompt_id: each for each in rubrics}
        return JudgedBy(constitution=constitution, rubrics=held, dropout=part.dropout)

    @staticmethod
    def _refuse_unread(part: RewardPartSpec, judge: Judge) -> None:
        """Raise InputError where a judge reads no principles and is given some, or some are to be left out."""
        if reads_principles(judge):
            return
        for name in ("constitution", "rubrics", "dropout"):
            if getattr(part, name):
                raise InputError(
                    f"{judge.name} reads no principles, and {name} says nothing to it; remove it"
                )

    @contextmanager
    def _told(self, part: RewardPartSpec | None = None) -> Iterator[None]:
        """Say of what is wrong inside where it stands, and in which part."""
        whose = "reward" if part is None else f"reward part {label_of(part)!r}"
        try:
            yield
        except RecipeError:
            raise
        except InputError as wrong:
            raise RecipeError(f"{self.where}: {whose}: {wrong}") from wrong


def open_reward(
    spec: RewardSpec,
    models: ModelPool,
    constitution: Constitution,
    *,
    seed: int,
    where: str,
    stands: Mapping[str, str] | None = None,
    asked: Callable[[str], RoleOptions] = _asked_plainly,
    made: Mapping[str, Any] | None = None,
) -> PartsReward:
    """The reward of a training, open: what its loop asks once a step.

    Args:
        spec: what `reward_parts` read.
        models: those of the command, which keep their calls in its store (`ModelPool.record`).
        constitution: by which judges judge where a part names no other.
        seed: of what is drawn.
        where: file and line of the entry, for messages.
        stands: models by the names that a recipe has for them; any other name is that of a model or judge.
        asked: how the model of such a name is asked.
        made: what steps of a recipe made, by the names that it has for them: rubrics, weights of rules.

    Raises:
        RecipeError: a judge or model that cannot be opened, or cannot judge so, with the part and what to do.
    """
    opener = RewardOpener(
        models=models,
        constitution=constitution,
        seed=seed,
        where=where,
        stands=stands or {},
        asked=asked,
        made=made or {},
    )
    return opener.open(spec)

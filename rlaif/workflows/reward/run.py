"""A judge as a reward for other trainers: texts in, numbers out, with the judge's integrity and the store's calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rlaif.constitution import load_principles
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import InputError, RecipeError, RlaifError
from rlaif.exchange.answers import answer_turns
from rlaif.exchange.turns import prompt_turns
from rlaif.judging.group_rewards.alone import RowsReward
from rlaif.judging.judge_reward import JudgeReward
from rlaif.judging.protocols import PER_PRINCIPLE
from rlaif.records import Completion, Prompt, completion_of
from rlaif.settings import setting
from rlaif.store import Store, find_store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.generate.judge_step import asking_of, in_writing
from rlaif.workflows.models.failures import failed_calls
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions, role_setting
from rlaif.workflows.models.thinking_judge import refuse_unthinking
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.reward_option import reward_setting, reward_value
from rlaif.workflows.reward.spec import RewardSpec, label_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRewardConfig(ModelOptions):
    """How a judge gives rewards."""

    judge: str | None = setting(
        None, help="Judge: a model name, rules:FILE, reward:DIR, or one that was registered."
    )
    reward: Any = reward_setting()
    judge_options: RoleOptions | None = role_setting("judge", judges=True)
    constitution: str = setting(help="Constitution, a file or a name.")
    protocol: str | None = setting(
        None,
        help="Pointwise protocol; None: `checklist`, or `reward` for a judge that has rewards of its own.",
    )
    samples: int | None = setting(
        None, help="Texts a question, for protocols that take a vote of several; None: one."
    )
    ask_again: int | None = setting(
        None, help="How often to repeat a question whose answer is unreadable; None: twice."
    )
    seed: int = setting(0, help="Seed of what is drawn.")


class OpenReward:
    """A judge that gives each completion one number, until it is closed. It is a `Reward` and a function of TRL's form.

    Calls are kept in the store: the same completion is asked about once, also by the next process.
    """

    def __init__(self, config: JudgeRewardConfig) -> None:
        """Open judge and store. Raises InputError or ModelError for what cannot be judged so, EngineError where the
        server of a judge is not reached.
        """
        self._told: set[str] = set()
        """Models of which a failed call was told."""
        self._open = ExitStack()
        opened = _several if config.reward is not None else _one
        found = opened(config, self._recorded)
        self._models, self._reward, self.protocol, self.judge = found[:4]
        try:
            # a trainer's rollouts are not to be drawn for a judge that is away
            found.reach()
        except RlaifError:
            self.close()
            raise

    def _recorded(self, models: ModelPool, config: JudgeRewardConfig) -> None:
        """From now on calls go through the store."""
        store = self._open.enter_context(Store.open(find_store(Path.cwd() / "reward", config.store)))
        self._open.callback(models.close)
        models.record(store, "")

    @property
    def fingerprint(self) -> str:
        """What the reward is: judge, constitution and protocol. Equal means interchangeable."""
        return self._reward.fingerprint

    @property
    def calls(self) -> dict[str, int]:
        """How many calls of models were made, re-used from the store, and failed."""
        return self._models.calls

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """One a completion; None where there is none: a failure is never a number, and is told of once."""
        found = self.scored(prompts, completions)
        for each in self.newly_failed():
            _log.warning("no reward where a call failed: %s", *failed_calls([each]))
        return found

    def scored(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """The same, and nothing is told."""
        return self._reward.rewards(prompts, completions)

    def newly_failed(self) -> list[RecordedEngine]:
        """The models of which a call has failed that were not among these before."""
        found = [each for each in self._models.recorded if each.failed_calls and each.name not in self._told]
        self._told |= {each.name for each in found}
        return found

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float | None]:
        """The same of texts, or of conversations as lists of `{role, content}`: a reward function of TRL's trainers.

        Further columns, which TRL passes by name, are not read. Raises InputError where there are not as many prompts
        as completions, PromptFileError for what is no conversation.
        """
        if len(prompts) != len(completions):
            raise InputError(
                f"{len(prompts)} prompts and {len(completions)} completions: one prompt a completion"
            )
        asked = [
            Prompt(messages=prompt_turns(each, f"prompts[{place}]", "prompt"))
            for place, each in enumerate(prompts)
        ]
        drawn = [
            _completion(prompt, each, f"completions[{place}]")
            for place, (prompt, each) in enumerate(zip(asked, completions, strict=True))
        ]
        return self.rewards(asked, drawn)

    def close(self) -> None:
        """Let the judge go; every call is in the store."""
        self._open.close()

    def __enter__(self) -> OpenReward:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


WHERE = "--reward"
Recorded = Callable[[ModelPool, JudgeRewardConfig], None]


class OpenedReward(NamedTuple):
    """Models, reward, and what is said of it: by which protocols, and who judges."""

    models: ModelPool
    reward: JudgeReward | RowsReward
    protocol: str
    judge: str
    reach: Callable[[], None]
    """Finds out that everybody can be asked. Raises EngineError, InputError."""


def _one(config: JudgeRewardConfig, recorded: Recorded) -> OpenedReward:
    """The reward that one judge gives."""
    if config.judge is None:
        raise InputError(
            "who judges is missing: name a judge (--judge NAME), or several parts (--reward judge=NAME)"
        )
    asks = config.protocol or PER_PRINCIPLE
    models = ModelPool(config, seed=config.seed, in_writing=in_writing(asks)).acting(config.judge_options)
    how = None
    if config.protocol is not None or config.samples is not None or config.ask_again is not None:
        how = asking_of(asks, config.judge, seed=config.seed, samples=config.samples, again=config.ask_again)
    constitution = load_principles(config.constitution)
    models.open(config.judge)
    refuse_unthinking(models, config.judge, [asks])
    recorded(models, config)
    found = JudgeReward(models.judge(config.judge), constitution, protocol=config.protocol, how=how)
    return OpenedReward(models, found, found.protocol, config.judge, partial(models.reach, config.judge))


def _several(config: JudgeRewardConfig, recorded: Recorded) -> OpenedReward:
    """The reward of several parts, each completion judged by itself. Raises RecipeError for parts that compare."""
    for name in ("judge", "protocol", "samples", "ask_again"):
        if getattr(config, name) is not None:
            raise InputError(
                f"{name} is of one judge, and reward names parts, each with its own; remove one of them"
            )
    spec = reward_parts(reward_value(config.reward), WHERE)
    _refuse_siblings(spec)
    models = ModelPool(config, seed=config.seed, in_writing=in_writing(*spec.protocols))
    models = models.acting(config.judge_options)
    recorded(models, config)
    whole = open_reward(spec, models, load_principles(config.constitution), seed=config.seed, where=WHERE)
    return OpenedReward(
        models,
        RowsReward(whole.whole, seed=config.seed),
        ", ".join(spec.protocols) or "reward",
        ", ".join(each.source for each in spec.leaves),
        whole.reach,
    )


def _refuse_siblings(spec: RewardSpec) -> None:
    """Raise RecipeError for a part whose number depends on other completions, or on a step of a training."""
    for each in (*spec.parts, *spec.leaves):
        told = f"{WHERE}: reward part {label_of(each)!r}"
        if each.needs_siblings:
            raise RecipeError(
                f"{told} compares the completions of a prompt, and rows are judged each by itself; take a protocol "
                "of one completion: checklist, score"
            )
        if each.normalise != "none":
            raise RecipeError(
                f"{told} is standardised over a {each.normalise}, and rows are judged each by itself; remove "
                "normalise, and let the trainer do that"
            )
        if each.dropout:
            raise RecipeError(
                f"{told} leaves out other criteria in each step, and nobody says here which step it is; remove dropout"
            )


def reward(config: JudgeRewardConfig) -> OpenReward:
    """The reward that a judge gives by a constitution, open. Use it as a context manager, or close it."""
    return OpenReward(config)


def _completion(prompt: Prompt, value: Any, where: str) -> Completion:
    """A text or turns as the completion of a prompt. Raises PromptFileError where they do not end with an answer."""
    said = answer_turns({"completion": value}, where, "completion")
    return completion_of(prompt.id, said, policy="given")

"""A judge as a reward for other trainers: texts in, numbers out, with the judge's integrity and the store's calls."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rlaif.constitution import load_principles
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import InputError
from rlaif.exchange.answers import answer_turns
from rlaif.exchange.turns import prompt_turns
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

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRewardConfig(ModelOptions):
    """How a judge gives rewards."""

    judge: str = setting(help="Judge: a model name, rules:FILE, reward:DIR, or one that was registered.")
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
        """Open judge and store. Raises InputError or ModelError for what cannot be judged so."""
        models = ModelPool(config, seed=config.seed, in_writing=in_writing(config.protocol or PER_PRINCIPLE))
        models = models.acting(config.judge_options)
        how = None
        if config.protocol is not None or config.samples is not None or config.ask_again is not None:
            how = asking_of(
                config.protocol or PER_PRINCIPLE,
                config.judge,
                seed=config.seed,
                samples=config.samples,
                again=config.ask_again,
            )
        constitution = load_principles(config.constitution)
        models.open(config.judge)
        refuse_unthinking(models, config.judge, [config.protocol or PER_PRINCIPLE])
        self._models = models
        self._told: set[str] = set()
        """Models of which a failed call was told."""
        self._open = ExitStack()
        store = self._open.enter_context(Store.open(find_store(Path.cwd() / "reward", config.store)))
        self._open.callback(models.close)
        models.record(store, "")
        self._reward = JudgeReward(
            models.judge(config.judge), constitution, protocol=config.protocol, how=how
        )

    @property
    def fingerprint(self) -> str:
        """What the reward is: judge, constitution and protocol. Equal means interchangeable."""
        return self._reward.fingerprint

    @property
    def protocol(self) -> str:
        """How the judge is asked."""
        return self._reward.protocol

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


def reward(config: JudgeRewardConfig) -> OpenReward:
    """The reward that a judge gives by a constitution, open. Use it as a context manager, or close it."""
    return OpenReward(config)


def _completion(prompt: Prompt, value: Any, where: str) -> Completion:
    """A text or turns as the completion of a prompt. Raises PromptFileError where they do not end with an answer."""
    said = answer_turns({"completion": value}, where, "completion")
    return completion_of(prompt.id, said, policy="given")

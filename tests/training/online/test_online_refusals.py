"""What cannot be learned from ends a training on rollouts before anything is learned, and says what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, ModelError, RecipeError, ThresholdError
from rlaif.records import Completion, Message, Prompt, ScoredGroups
from rlaif.training import GRPOConfig, OnlineConfig, PPOConfig, RLOOConfig, train_online
from tests.training.conftest import MakeDirectory

from .helpers import CONFIGS, SMALL, Counted, history, letters, no_number, nothing, prompts

GRPO = CONFIGS["grpo"]


def refused(
    kind: type[Exception], said: str, policy: Path, out: Path, reward: Any, config: OnlineConfig = GRPO
) -> None:
    with pytest.raises(kind, match=said):
        train_online(config, prompts(), reward, policy=policy, out=out)
    assert not out.exists()


@pytest.mark.parametrize("give", [nothing, no_number, lambda _: math.inf])
def test_a_reward_that_never_is_a_number_ends_the_first_step(
    give: Any, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    # of those that ended: nobody is asked to judge what was cut off
    longer = replace(GRPO, max_tokens=64, n=8)
    refused(
        ThresholdError,
        r"none of \d+ rollouts has a reward",
        model_dir(),
        tmp_path / "out",
        Counted(give),
        longer,
    )


def test_too_many_failures_end_the_step_and_a_higher_limit_goes_on(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    reward, out = Counted(lambda each: None if each.finish == "stop" else letters(each)), tmp_path / "out"
    config = replace(GRPO, max_tokens=64, n=8, max_failed=0.001)
    refused(ThresholdError, r"limit 0\.1%", model_dir(), out, reward, config)
    train_online(replace(config, max_failed=1.0), prompts(), reward, policy=model_dir(), out=out)
    assert any(0 < line["rewards/failed"] < 1 for line in history(out))


def test_a_reward_that_never_varies_ends_the_training_after_a_few_steps(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    always, out = Counted(lambda _: 0.5), tmp_path / "out"
    long = replace(GRPO, steps=9, truncated="keep")
    for _ in range(2):  # the same command says the same again, and learns nothing on top
        with pytest.raises(
            ThresholdError, match=r"stopped after step 5: the reward was 0.5 for every rollout"
        ):
            train_online(long, prompts(), always, policy=model_dir(), out=out)
    short = train_online(GRPO, prompts(), always, policy=model_dir(), out=tmp_path / "short")
    assert "nothing can be learned from a reward that does not vary" in short.notes[-1]


def test_a_constant_reward_of_single_rollouts_ends_the_training_too(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    always, out = Counted(lambda _: 0.7), tmp_path / "out"
    alone = PPOConfig(**{**SMALL, "steps": 9, "n": 1})
    with pytest.raises(ThresholdError, match=r"stopped after step 5: the reward was 0.7 for every rollout"):
        train_online(alone, prompts(), always, policy=model_dir(), out=out)


def test_where_the_reward_said_the_same_of_all_and_only_length_cost_something_that_is_told(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = replace(GRPO, truncated="keep", overlong=12, max_tokens=16)
    always = Counted(lambda _: 0.5)
    done = train_online(config, prompts(), always, policy=model_dir(), out=tmp_path / "out")
    assert "the same of every rollout (count 0.5): only what length costs varied" in done.notes[-1]
    varied = train_online(config, prompts(), Counted(letters), policy=model_dir(), out=tmp_path / "varied")
    assert not any("only what length costs" in note for note in varied.notes)


class Short:
    """Gives one number too few."""

    fingerprint = "short"

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        return ScoredGroups(totals=(0.0,) * (sum(map(len, groups)) - 1))


def test_a_reward_of_another_length_is_an_error(model_dir: MakeDirectory, tmp_path: Path) -> None:
    refused(InputError, "gave 11 values", model_dir(), tmp_path / "out", Short())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n": 1}, "must be at least 2: a rollout is compared with the others"),
        ({"temperature": 0.0}, "temperature is 0.0; it must be above 0"),
        ({"truncated": "drop"}, "must be one of penalise, mask, keep"),
        ({"max_failed": 1.5}, "must be a share"),
        ({"overlong": 40}, "must be at most max_tokens"),
        ({"parallel": "fully_shard"}, "rollouts are drawn from whole weights"),
        ({"variant": "best"}, "must be one of grpo, dr"),
        ({"variant": "gdpo", "scale": "group"}, "is not read by variant gdpo"),
        ({"stop": {"margin": 3}}, "must give kl a limit"),
        ({"max_mismatch": 1.0}, "must be above 1"),
    ],
)
def test_what_does_not_go_together_is_refused_before_a_model_is_opened(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        GRPOConfig(**{**SMALL, **given})


def test_prompts_that_cannot_be_asked_are_counted_and_none_is_an_error(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    reward, asked = Counted(letters), prompts()
    long = Prompt(messages=(Message(role="user", content="hello " * 500),))
    found = train_online(
        RLOOConfig(**{**SMALL, "steps": 1}),
        [*asked, asked[0], long],
        reward,
        policy=model_dir(),
        out=tmp_path / "a",
    )
    assert found.counts["prompts"] == {"given": 8, "trained": 6, "refused": {"duplicate": 1, "too_long": 1}}
    with pytest.raises(ThresholdError, match="none of 1 prompts can be asked"):
        train_online(GRPO, [long], reward, policy=model_dir(), out=tmp_path / "b")
    with pytest.raises(ThresholdError, match="there are no prompts"):
        train_online(GRPO, [], reward, policy=model_dir(), out=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_value_model_is_named_where_one_is_given(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config, reward = PPOConfig(**SMALL, value="models/rm"), Counted(letters)
    with pytest.raises(RecipeError, match="no directory of one is given"):
        train_online(config, prompts(), reward, policy=model_dir(), out=tmp_path / "out")
    with pytest.raises(RecipeError, match="is given as one"):
        train_online(GRPO, prompts(), reward, policy=model_dir(), value=model_dir(), out=tmp_path / "out")


def test_a_launch_of_several_processes_is_refused(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29511")
    refused(RecipeError, "this launch has 2", model_dir(), tmp_path / "out", Counted(letters))


def test_a_policy_whose_answers_never_end_cannot_be_judged(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = GRPOConfig(**{**SMALL, "max_tokens": 1, "truncated": "mask"})
    refused(
        ThresholdError,
        "no rollout came to an end within 1 tokens",
        model_dir(),
        tmp_path / "o",
        Counted(letters),
        config,
    )


def test_a_policy_that_gives_no_numbers_ends_with_a_remedy(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = replace(GRPO, learning_rate=1e30, clip_norm=0.0)
    with pytest.raises((ThresholdError, ModelError), match="learning_rate"):
        train_online(config, prompts(), Counted(letters), policy=model_dir(), out=tmp_path / "out")

"""TRL's own GRPO trainer trains on a served judge and on `rlaif.reward`, and a failed row moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

import rlaif
from rlaif.records import Completion, Prompt
from rlaif.workflows.reward.clients.trl import TrlReward, together
from tests import trl_oracle
from tests.workflows.reward.serving import desk_of, serving
from tests.workflows.tiny import make_tiny

pytestmark = pytest.mark.heavy
GROUP = 4


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("policy"))


class FirstFails:
    """The judge of these tests: a number that differs in each row, and none for the first row of each batch."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        self.rows.append(len(completions))
        return [None if row == 0 else 2.0 + (row % 3) for row in range(len(completions))]


def trained(policy: Path, out: Path, functions: Any, *, conversations: bool = False, **changed: Any) -> Any:
    """What two steps of GRPO gave: rewards by function, and advantages, of each."""
    told = {
        "per_device_train_batch_size": 2 * GROUP,
        "num_generations": GROUP,
        "max_completion_length": 8,
        "max_steps": 2,
        "learning_rate": 1e-3,
        "use_cpu": True,
        # its state is that of the process: with bfloat16, no training of ours could begin in it afterwards
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        **changed,
    }
    texts = ["Hello.", "Who are you?"] * 4
    asked: list[Any] = [[{"role": "user", "content": each}] for each in texts] if conversations else texts
    rows = Dataset.from_list([{"prompt": each, "topic": "any"} for each in asked])
    trainer = trl_oracle.Watched(
        model=str(policy),
        reward_funcs=functions,
        train_dataset=rows,
        args=trl_oracle.trl.GRPOConfig(output_dir=str(out), **told),
    )
    before = [each.detach().clone() for each in trainer.model.parameters()]
    trainer.train()
    assert any(not torch.equal(a, b) for a, b in zip(before, trainer.model.parameters(), strict=True))
    assert all(torch.isfinite(each).all() for each in trainer.model.parameters())
    assert len(trainer.steps) == 2
    return trainer.steps


def by_row(prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float | None]:
    """Another reward, which never fails and differs from row to row."""
    return [float(row) for row in range(len(completions))]


@pytest.mark.parametrize("conversations", [False, True])
def test_alone_a_failed_row_has_advantage_zero_and_the_others_what_they_have_among_themselves(
    policy: Path, tmp_path: Path, conversations: bool
) -> None:
    judge = FirstFails()
    with serving(desk_of(judge)) as address:
        steps = trained(
            policy, tmp_path, TrlReward(address), conversations=conversations, scale_rewards="none"
        )
    assert judge.rows == [2 * GROUP] * 2
    for rewards, advantages in steps:
        assert rewards[0].isnan().all()
        assert advantages[0] == 0
        read = rewards[1:GROUP, 0]
        assert torch.allclose(advantages[1:GROUP], read - read.mean())


def test_among_several_rewards_trl_itself_counts_a_failed_row_as_zero(policy: Path, tmp_path: Path) -> None:
    with serving(desk_of(FirstFails())) as address:
        steps = trained(policy, tmp_path, [TrlReward(address), by_row], scale_rewards="none")
    for rewards, advantages in steps:
        summed = rewards[:GROUP].nan_to_num(0.0).sum(1)
        assert torch.allclose(advantages[:GROUP], summed - summed.mean())
        assert advantages[0] < -1  # the judge's failure pulls the row down: what the page warns of


def test_among_several_rewards_joined_as_one_a_failed_row_has_advantage_zero(
    policy: Path, tmp_path: Path
) -> None:
    with serving(desk_of(FirstFails())) as address:
        steps = trained(policy, tmp_path, together(TrlReward(address), by_row, weights=[1.0, 0.5]))
    for rewards, advantages in steps:
        assert rewards[0].isnan().all()
        assert advantages[0] == 0
        assert (advantages[1:GROUP] != 0).any()


def test_among_several_rewards_the_group_mean_leaves_the_row_to_the_other_rewards(
    policy: Path, tmp_path: Path
) -> None:
    with serving(desk_of(FirstFails())) as address:
        functions = [TrlReward(address, on_failure="group-mean"), by_row]
        steps = trained(policy, tmp_path, functions, scale_rewards="none")
        constant = [
            TrlReward(address, on_failure="group-mean"),
            lambda completions, **_: [7.0] * len(completions),
        ]
        alike = trained(policy, tmp_path, constant)
    for rewards, advantages in steps:
        other = rewards[:GROUP, 1]
        assert torch.allclose(advantages[0], (other - other.mean())[0])
    for _, advantages in alike:
        assert advantages[0].abs() < 1e-5


@pytest.mark.parametrize("conversations", [False, True])
def test_a_judge_of_ours_is_a_reward_function_of_trl(
    policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conversations: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.yaml").write_text(
        "name: house\nversion: 1.0.0\ntitle: T\nprinciples:\n  - {id: brief, text: The response is brief.}\n"
    )
    calls: list[str] = []

    def judged(prompt: Prompt, completion: Completion) -> float:
        calls.append(completion.text)
        if completion.text == calls[0]:
            raise ValueError("cannot be read")
        return float(len(completion.text))

    rlaif.register.reward(name=f"odd-{conversations}", version="1")(judged)
    with rlaif.reward(
        judge=f"odd-{conversations}", constitution="house.yaml", store=tmp_path / "s.sqlite"
    ) as score:
        steps = trained(policy, tmp_path / "out", score, conversations=conversations, scale_rewards="none")
    rewards, advantages = steps[0]
    failed = rewards[:, 0].isnan()
    assert failed[0]
    assert (advantages[failed] == 0).all()
    read = rewards[:GROUP, 0][~failed[:GROUP]]
    assert torch.allclose(advantages[:GROUP][~failed[:GROUP]], read - read.mean())

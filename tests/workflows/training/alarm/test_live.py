"""What an alarm keeps of its looks: by prompt, resumable, and never a number where a judge said nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rlaif.cli.commands import cli
from rlaif.errors import InputError
from rlaif.records import Completion, Component, Message, Prompt, Sampling, ScoredGroups
from rlaif.workflows.generate.rollouts import Draws
from rlaif.workflows.training.alarm import live
from rlaif.workflows.training.alarm.live import LiveAlarm
from rlaif.workflows.training.alarm.option import AlarmSpec

PROMPTS = [Prompt(messages=(Message(role="user", content=f"Question {n}?"),)) for n in range(20)]
Give = Callable[[int, int], float | None]


class Scores:
    """A judge that gives what a function of step and place says."""

    fingerprint = "scores"

    def __init__(self, give: Give) -> None:
        self.give = give

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        found = tuple(self.give(step, place) for place in range(len(prompts)))
        return ScoredGroups(
            totals=found, components=(Component(name="s", weight=1.0, hard=False, values=found),)
        )


class Models:
    """Models of which nothing is asked."""

    def release(self, name: str) -> None: ...

    def writer(self, name: str) -> str:
        return name


@pytest.fixture
def alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., LiveAlarm]:
    def drawn(_: Any, names: Sequence[str], prompts: Sequence[Prompt], *__: Any) -> Draws:
        texts = [
            (each, Completion(prompt_id=each.id, text=f"{names[0]} says {n}", policy="p"))
            for n, each in enumerate(prompts)
        ]
        return Draws(prompts=prompts, drawn=texts, failed=[])

    monkeypatch.setattr(live, "draw", drawn)
    monkeypatch.setattr(live, "kl", lambda policy, *_: (float(Path(policy).name), []))

    def made(give: Give, **own: Any) -> LiveAlarm:
        told: dict[str, Any] = {"judge": Scores(give), **own}
        return LiveAlarm(
            spec=AlarmSpec(do="stop", judge="other", every=5),
            models=Models(),  # type: ignore[arg-type]
            base="base",
            prompts=PROMPTS,
            out=tmp_path,
            sampling=Sampling(),
            seed=0,
            **told,
        )

    return made


def falls_after_ten(step: int, place: int) -> float:
    return 0.5 + place / 100 + (0.02 * step if step <= 10 else -0.2) + place % 3 / 100


def test_it_rings_when_the_judge_finds_the_answers_worse_and_names_the_best_step(
    alarm: Callable[..., LiveAlarm],
) -> None:
    made = alarm(falls_after_ten)
    said = [made.look(step, Path(str(step))) for step in (0, 5, 10, 15)]
    assert [bool(each.rings) for each in said] == [False, False, False, True]
    assert said[-1].rings.startswith("alarm after step 15: judge")
    assert (said[-1].best_step, said[2].best, said[3].best) == (10, True, False)
    assert said[1].figures["kl"] == 5.0


def test_what_it_read_is_kept_and_a_resumed_training_forgets_what_came_later(
    alarm: Callable[..., LiveAlarm], tmp_path: Path
) -> None:
    made = alarm(falls_after_ten)
    for step in (0, 5, 10, 15):
        made.look(step, Path(str(step)))
    held = json.loads((tmp_path / "alarm.json").read_text())
    assert (held["rang"], held["best"], [each["step"] for each in held["checks"]]) == (15, 10, [0, 5, 10, 15])
    again = alarm(falls_after_ten)
    assert again.begin(12).rings == ""
    assert [each.step for each in again.checks] == [0, 5, 10]
    assert again.look(15, Path("15")).rings == made.begin(15).rings


def test_an_answer_that_the_judge_cannot_read_has_no_score(alarm: Callable[..., LiveAlarm]) -> None:
    made = alarm(lambda _, place: None if place < 5 else place / 20)
    made.look(0, Path("0"))
    assert len(made.checks[0].scores) == 15
    assert made.checks[0].unread == pytest.approx(0.25)


def test_a_judge_that_reads_less_than_half_is_refused_before_any_rollout(
    alarm: Callable[..., LiveAlarm],
) -> None:
    made = alarm(lambda _, place: None if place < 11 else 0.5)
    with pytest.raises(
        InputError, match="other could score 9 of 20 answers of the first policy; name another judge"
    ):
        made.look(0, Path("0"))


def test_a_judge_that_is_constant_is_refused_before_any_rollout(alarm: Callable[..., LiveAlarm]) -> None:
    made = alarm(lambda *_: 0.5)
    with pytest.raises(InputError, match="other says the same of 20 different answers"):
        made.look(0, Path("0"))


def test_reward_models_of_other_scales_disagree_by_their_order_and_not_by_their_scale(
    alarm: Callable[..., LiveAlarm],
) -> None:
    one, other = Scores(lambda _, place: float(place)), Scores(lambda _, place: 100.0 * place + 7)
    turned = Scores(lambda step, place: float(-place if step else place))
    agreed = alarm(falls_after_ten, ensemble=[one, other])
    agreed.look(0, Path("0"))
    assert agreed.checks[0].spread == pytest.approx(0.0, abs=1e-9)
    split = alarm(falls_after_ten, ensemble=[one, turned])
    split.look(0, Path("0"))
    split.look(5, Path("5"))
    assert split.checks[1].spread is not None
    assert split.checks[1].spread > 0.5


@pytest.mark.heavy
def test_a_training_by_the_command_line_looks_before_its_first_step_and_at_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "longer.py").write_text(
        "def longer(prompt, completion):\n    return float(len(str(completion)))\n"
    )
    words = (
        "train grpo --prompts micro:train --limit 8 --held-out micro:held-out --policy micro --reward "
        "function=longer.py:longer --steps 2 --batch-size 2 --n 2 --out model "
        "--alarm do=warn,judge=micro,count=8,every=2"
    )
    found = CliRunner().invoke(cli, [*words.split(), "--json"])
    assert found.exit_code == 0, found.output
    held = json.loads((tmp_path / "model" / "alarm.json").read_text())
    assert [each["step"] for each in held["checks"]] == [0, 2]
    assert held["checks"][0]["kl"] == 0.0
    assert len(held["checks"][1]["scores"]) == 8
    dry = CliRunner().invoke(cli, [*words.replace("--out model", "--out other").split(), "--dry-run"])
    assert "the alarm: warn: 2 looks of 8 answers; judged by micro" in dry.output

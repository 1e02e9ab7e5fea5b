"""`rlaif train grpo` and its siblings: prompts and a reward in, a policy out; costs said ahead, nothing asked twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.errors import EngineError, InputError, ModelError, RecipeError
from rlaif.training import LoopConfig
from rlaif.training.online.rollouts import LiveRollouts
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.recipe.train_step import train_step
from rlaif.workflows.training import online_options
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.online import online_train_config, settle_online, step_prompts
from rlaif.workflows.training.run import settle
from tests.ports import closed_port
from tests.training.online.copied_sampler import CopiedSampler

SMALL = ["--steps", "3", "--batch-size", "4", "--n", "4", "--max-tokens", "16", "--learning-rate", "5e-3"]


@pytest.fixture
def words(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The command's words behind the method: the policy greets half of the time, and the judge likes who greets."""
    monkeypatch.chdir(tmp_path)
    named = ["--prompts", str(prompts), "--policy", str(mini), "--constitution", str(constitution)]
    return [*named, "--reward", f"judge={judge},protocol=checklist", "--out", "models/rl", *SMALL]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["train", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_policy_learns_what_its_judge_likes_and_a_finished_training_asks_nothing(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    longer = [*words, "--steps", "8"]
    planned = said(capsys, "grpo", *longer, "--dry-run")
    done = said(capsys, "grpo", *longer)
    lines = [json.loads(line) for line in Path("models/rl/metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["reward"] > lines[0]["reward"] + 0.03
    asked = sum(each["calls"] for each in done["costs"]["models"].values())
    assert 0 < asked <= planned["total"]["calls"]
    again = said(capsys, "grpo", *longer)
    assert again["figures"] == done["figures"]
    assert sum(each["calls"] for each in again["costs"]["models"].values()) == 0


def test_the_dry_run_says_rollouts_settings_and_calls_and_makes_nothing(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "rloo", *words, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "rollouts: 3 steps of 4 prompts with 4 each" in shown
    assert "beta: 0.05  [default]" in shown
    assert "n: 4  [given]" in shown
    assert "calls to make" in shown
    assert not Path("models").exists()


@pytest.mark.parametrize(
    ("method", "more", "text"),
    [
        ("grpo", ["--n", "1"], "must be at least 2: a rollout is compared with the others"),
        (
            "grpo",
            ["--reference", "none", "--beta", "0.1"],
            "reference is none, and beta weighs the KL to one",
        ),
        ("grpo", ["--policy", "openai:http://localhost:1/v1#m"], "cannot be trained"),
        ("grpo", ["--reward", "judge=nobody"], "nobody"),
        (
            "grpo",
            ["--reward", "judge=micro,hard=true,at_least=1", "--reward", "judge=micro", "--variant", "gdpo"],
            "takes each component",
        ),
        (
            "grpo",
            ["--reward", "judge=micro,protocol=circular", "--n", "2"],
            "in a circle",
        ),
        ("online-dpo", ["--reference", "none"], "compares with a reference"),
        ("rest", ["--thresholds", "0.9,0.5"], "must rise"),
        ("ppo", ["--kl-target", "3", "--beta", "0"], "moves beta, and beta is 0"),
        ("raft", ["--loop", "parallel=fully_shard"], "rollouts are drawn from whole weights"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_rollout(
    method: str, more: list[str], text: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    own = (
        words[: words.index("--reward")] + words[words.index("--reward") + 2 :]
        if "--reward" in more
        else words
    )
    assert main(["train", method, *own, *more]) != 0
    err = " ".join(capsys.readouterr().err.split())
    assert text in err
    assert "Traceback" not in err
    assert not Path("models/rl").exists()


def test_a_missing_reward_is_said_with_what_to_write(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = words.index("--reward")
    assert main(["train", "grpo", *words[:place], *words[place + 2 :]]) != 0
    assert "reward is missing: say what is rewarded" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("raise RuntimeError('no opinion')", "has no number of any of"),
        ("return float('nan')", "has no number of any of"),
        ("return float('-inf')", "has no number of any of"),
        ("return None", "has no number of any of"),
    ],
)
def test_a_reward_that_teaches_nothing_is_refused_with_the_first_rollouts(
    body: str, text: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text(f"def give(prompt, completion):\n    {body}\n")
    place = words.index("--reward")
    own = [*words[:place], "--reward", "function=mine.py:give", *words[place + 2 :]]
    more = ["--n", "8", "--batch-size", "8"]
    assert main(["train", "grpo", *own, *more]) != 0
    err = " ".join(capsys.readouterr().err.split())
    assert text in err
    assert "error: --reward: reward" in err
    assert not Path("models/rl").exists()


def test_a_reward_that_never_varied_is_told_at_the_end(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine.py").write_text("def give(prompt, completion):\n    return 0.5\n")
    place = words.index("--reward")
    own = [*words[:place], "--reward", "function=mine.py:give", "--truncated", "mask", *words[place + 2 :]]
    assert main(["train", "grpo", *own, "--full"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "the reward was 0.5 for every rollout of 3 steps, and nothing can be learned" in said


def test_a_run_or_a_file_of_pairs_is_no_source_of_such_a_method(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="grpo learns from prompts and a reward, and not from a run"):
        settle(train_config(tmp_path, method="grpo", reward=[{"judge": "micro"}]))


def test_a_job_has_its_prompts_and_passes_over_them_are_steps_of_the_methods_own_batch(
    mini: Path, prompts: Path, constitution: Path, tmp_path: Path
) -> None:
    given = {
        "prompts": str(prompts),
        "policy": str(mini),
        "constitution": str(constitution),
        "out": tmp_path / "out",
        "reward": [{"judge": "micro"}],
    }
    job = settle_online(online_train_config("grpo", epochs=2, batch_size=3, **given))
    assert len(job.prompts) == 8
    loop, rows = loop_of(job)
    assert (loop.steps, rows) == (6, 8)
    steps = list(step_prompts(loop, job.prompts))
    assert [len(each) for each in steps] == [3] * 6
    usual, _ = loop_of(settle_online(online_train_config("grpo", epochs=3, **given)))
    assert (usual.batch_size, usual.steps) == (8, 3)


def loop_of(job: TrainJob) -> tuple[LoopConfig, int]:
    of = METHODS.get(job.method).loop_of
    assert of is not None
    return of(job)


def test_another_name_or_option_is_answered(mini: Path, prompts: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"prompts": str(prompts), "policy": str(mini), "out": tmp_path / "out"}
    with pytest.raises(RecipeError, match="variant is 'best'"):
        online_train_config("grpo", variant="best", **given)
    with pytest.raises(RecipeError, match="variant is not used by method rloo"):
        online_train_config("rloo", variant="dr", **given)
    with pytest.raises(ModelError, match="cannot be trained"):
        settle_online(
            online_train_config(
                "rloo", reward=[{"judge": "micro"}], **{**given, "policy": "reward:models/rm"}
            )
        )


def test_a_sampler_draws_is_handed_each_steps_weights_and_is_closed(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    samplers = {"http://a:1": CopiedSampler(fails=[1]), "http://b:2": CopiedSampler()}
    monkeypatch.setattr(online_options, "open_sampler", samplers.__getitem__)
    assert main(["train", "grpo", *words, "--rollouts", "http://a:1"]) == 1
    assert "step 2: the copy cannot load" in capsys.readouterr().err
    # the address is no part of what is trained: another server goes on where the first one failed
    done = said(capsys, "grpo", *words, "--rollouts", "http://b:2")
    assert done["figures"]["sampling/sampling_logp_difference/max"] < 1e-3
    assert [len(each.draws) for each in samplers.values()] == [1, 2]
    assert all(each.closed for each in samplers.values())


@pytest.mark.parametrize("who", ["http://127.0.0.1:8000", "unix:/run/vllm.sock"])
def test_the_dry_run_says_who_draws_and_asks_nobody(
    words: list[str], capsys: pytest.CaptureFixture[str], who: str
) -> None:
    assert main(["train", "grpo", *words, "--rollouts", who, "--dry-run"]) == 0
    assert (
        f"with 4 each, drawn by {who}, which is handed the weights before each step"
        in capsys.readouterr().out
    )
    assert main(["train", "grpo", *words, "--dry-run"]) == 0
    assert "with 4 each, drawn from the weights that train" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--rollouts", "openai:http://host/v1#m"], "say live, vllm, http://<host>:<port>"),
        (["--rollouts", "vllm"], "cannot be run; name the Python of an environment with vLLM"),
        (["--max-drift", "1"], "max_drift is about rollouts that are drawn elsewhere"),
        (["--variant", "gspo", "--correction", "token-mask"], "must be of sequences"),
    ],
)
def test_a_sampler_that_cannot_be_is_refused_before_a_model_is_loaded(
    words: list[str],
    given: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RLAIF_VLLM_PYTHON", "/nowhere/python")
    assert main(["train", "grpo", *words, *given]) == 2
    assert told in capsys.readouterr().err
    assert not Path("models").exists()


def test_a_step_of_a_recipe_is_the_same_at_another_address_and_another_one_than_live() -> None:
    keys = [
        train_step("grpo", reward=[{"judge": "micro"}], rollouts=who).as_dict()
        for who in ("http://a:1", "http://b:2?key=KEY", "vllm", "live")
    ]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert "rollouts" not in keys[3]


@pytest.mark.parametrize(
    "parts",
    [
        ["judge={away},protocol=checklist"],
        ["judge={judge},protocol=checklist", "name=other,judge={away},protocol=score"],
        ["judge=panel:panel.yaml,protocol=checklist"],
    ],
)
def test_a_judge_whose_server_is_away_is_found_before_the_first_rollout(
    words: list[str],
    judge: str,
    parts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def drawn(*_: object, **__: object) -> None:
        raise AssertionError("a rollout is drawn")

    monkeypatch.setattr(LiveRollouts, "draw", drawn)
    with closed_port() as port:
        away = f"openai:http://127.0.0.1:{port}/v1?reach=0.1#m@1"
        (tmp_path / "panel.yaml").write_text(f"judges:\n- {{judge: '{judge}'}}\n- {{judge: '{away}'}}\n")
        place = words.index("--reward")
        rewards = [word for each in parts for word in ("--reward", each.format(away=away, judge=judge))]
        assert main(["train", "grpo", *words[:place], *rewards, *words[place + 2 :]]) == 1
    told = capsys.readouterr().err
    assert "no server was reached" in told
    assert "run the same command again" in told


def test_a_finished_training_is_read_whoever_is_away(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise EngineError("away")

    assert main(["train", "grpo", *words, "--steps", "1"]) == 0
    monkeypatch.setattr(ModelPool, "reach", away)
    assert main(["train", "grpo", *words, "--steps", "1"]) == 0
    assert main(["train", "grpo", *words, "--steps", "2", "--out", "models/new"]) == 1

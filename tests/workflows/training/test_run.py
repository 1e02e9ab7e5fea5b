"""The training step: what it takes, what it refuses, what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError, ThresholdError
from rlaif.workflows.generate.run import generate
from rlaif.workflows.recipe.train_step import train_step
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.plan import plan_training
from rlaif.workflows.training.run import replay_examples, settle, train
from tests.workflows.conftest import Configured, Write


@pytest.fixture
def run(configured: Configured, mini: Path) -> Path:
    return generate(configured(policy=(str(mini),), max_tokens=24)).run


def job(source: Path, **given: Any) -> Any:
    return settle(train_config(source, **({"steps": 3, "batch_size": 4, "learning_rate": 1e-3} | given)))


def test_a_run_trains_the_model_that_wrote_it(run: Path, mini: Path) -> None:
    settled = job(run)
    assert settled.base == mini
    assert settled.out == run / "models" / "dpo"
    trained = train(settled)
    card = (trained.outcome.out / "README.md").read_text()
    assert "tiny 1.0.0" in card
    judge = json.loads((run / "run.json").read_text())["config"]["judge"]
    assert f"| judge | {judge['name']} ({judge['fingerprint']}) |" in card
    assert settled.card["constitution digest"] in card
    record = json.loads((trained.outcome.out / "train.json").read_text())
    assert record["steps"] == 3
    assert trained.figures["pairs"] == len(settled.pairs)
    assert trained.to_dataset()["id"] == [each.id for each in settled.pairs]
    assert (
        repr(trained)
        == f"Trained(method='dpo', out={str(trained.out)!r}, pairs={len(settled.pairs)}, steps=3)"
    )


def test_the_same_command_only_reads_what_is_finished(run: Path) -> None:
    weights = train(job(run)).outcome.out / "model.safetensors"
    written = weights.stat().st_mtime_ns
    train(job(run))
    assert weights.stat().st_mtime_ns == written


def test_a_reward_model_needs_no_reference(run: Path) -> None:
    trained = train(job(run, method="reward"))
    config = json.loads((trained.outcome.out / "config.json").read_text())
    assert config["architectures"][0].endswith("ForSequenceClassification")


@pytest.mark.parametrize("option", ["beta", "reference", "nll", "replay", "replay_from"])
def test_an_option_that_a_method_does_not_use_is_refused(run: Path, option: str) -> None:
    value: Any = {"beta": 0.1, "nll": 0.1, "replay": {"judge": 0.1}}.get(option, "init")
    with pytest.raises(InputError, match="not used by method reward"):
        job(run, method="reward", **{option: value})


def test_unreadable_judgments_stop_training(configured: Configured, script: Write) -> None:
    vague = script("vague", [{"contains": [], "labels": {"yes": 0.1, "A": 0.1}}])
    made = generate(configured(judge=vague, critique=False))
    with pytest.raises(ThresholdError, match=r"100.0% of the judgments are unreadable, limit 5.0%"):
        job(made.run)


def test_replay_needs_a_source_unless_the_model_is_bundled(run: Path) -> None:
    step = train_step(replay={"judge": 0.2})
    assert {each.kind for each in replay_examples(step.options, "micro")} == {"judge"}
    with pytest.raises(InputError, match="name a file of them"):
        job(run, replay={"judge": 0.2})


def test_the_shipped_recipe_says_how_a_bundled_model_is_trained(run: Path) -> None:
    settled = settle(train_config(run, policy="micro", beta=0.5))
    assert settled.options.replay == {"judge": 0.2}
    assert settled.options.beta == 0.5
    assert "replay: {'judge': 0.2}" in plan_training(settled)


def test_the_reference_may_be_any_model_name(run: Path, mini: Path) -> None:
    assert job(run, reference="init").reference_dir is None
    assert job(run, reference="none").reference_dir is None
    assert job(run, reference=f"hf:{mini}").reference_dir == mini
    held = train(job(run, reference=f"hf:{mini}", out=run / "models" / "held"))
    assert json.loads((held.outcome.out / "train.json").read_text())["figures"]["kl"] >= 0
    with pytest.raises(InputError, match="no such model directory"):
        job(run, reference="no/such/directory")


def test_a_kind_of_replay_without_examples_is_named(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "poems.jsonl"
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    file.write_text(json.dumps({"kind": "poem", "messages": turns}) + "\n")
    with pytest.raises(InputError, match="has no example of kind 'judge' to replay; it has 'poem'"):
        job(run, replay={"judge": 0.2}, replay_from=str(file))


def test_an_adapter_has_a_learning_rate_of_its_own(run: Path) -> None:
    assert settle(train_config(run, policy="micro")).options.learning_rate is not None
    assert settle(train_config(run, policy="micro", lora=8)).options.learning_rate is None
    assert settle(train_config(run, policy="micro", lora=8, learning_rate=1e-3)).options.learning_rate == 1e-3


def test_template_arguments_reach_the_training(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(run), "--steps", "1", "--chat-template-kwargs", "enable_thinking=true"]
    assert main([*words, "--out", str(tmp_path / "model")]) == 0
    record = json.loads((tmp_path / "model" / "train.json").read_text())
    assert record["config"]["chat_template_kwargs"] == {"enable_thinking": True}
    assert "learning_rate" not in capsys.readouterr().out


def test_a_run_that_made_no_pair_is_refused(run: Path) -> None:
    (run / "pairs.jsonl").write_text("")
    with pytest.raises(InputError, match=r"pairs\.jsonl: holds no pair"):
        job(run)


def test_a_run_without_pairs_names_what_to_do(tmp_path: Path, run: Path) -> None:
    (run / "pairs.jsonl").unlink()
    with pytest.raises(InputError, match="has no pairs; name a run of `generate`"):
        job(run)


def test_a_pairs_file_needs_a_policy_and_a_place(run: Path, mini: Path, tmp_path: Path) -> None:
    file = run / "pairs.jsonl"
    with pytest.raises(InputError, match="--policy is missing"):
        job(file)
    with pytest.raises(InputError, match="--out is missing"):
        job(file, policy=str(mini))
    assert job(file, policy=str(mini), out=tmp_path / "model").base == mini


def test_what_the_data_gate_left_out_is_printed_and_recorded(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run / "pairs.jsonl"
    rows = file.read_text().splitlines()
    file.write_text("\n".join([*rows, rows[0]]) + "\n")
    words = ["train", str(run), "--steps", "1", "--out", str(tmp_path / "model")]
    assert main(words) == 2
    assert main([*words, "--edited", "--full"]) == 0
    assert "left out: duplicate" in capsys.readouterr().out
    record = json.loads((tmp_path / "model" / "train.json").read_text())
    assert "edited by hand" in record["edited"]
    gate = record["gate"]
    assert gate["left_out"] == {"duplicate": 1}
    assert (gate["given"], gate["kept"]) == (len(rows) + 1, len(rows))


def test_the_data_gate_stops_before_anything_is_written(
    run: Path, tmp_path: Path, prompts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(run), "--steps", "1", "--out", str(tmp_path / "model")]
    assert main([*words, "--gate", "refuse", "--held-out", str(prompts)]) == 3
    assert "leaked: 1 of the pairs have a prompt of the held-out set" in capsys.readouterr().err
    assert main([*words, "--gate-limit", "length=much"]) == 2
    assert not (tmp_path / "model").exists()


def test_options_of_the_loop_and_the_rank_reach_the_training(run: Path) -> None:
    settled = job(run, loop={"schedule": "wsd", "clip_norm": 0.5}, lora=4)
    trained = train(settled)
    config = json.loads((trained.outcome.out / "train.json").read_text())["config"]
    assert (config["schedule"], config["clip_norm"], config["lora"]) == ("wsd", 0.5, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loop": {"schedul": "wsd"}}, "here: loop schedul: there is no such option; did you mean schedule?"),
        ({"loop": {"bf16": True}}, "precision: bf16"),
        ({"loop": {"schedule": "step"}}, "must be one of constant"),
        ({"steps": 3, "epochs": 2.0}, "steps and epochs are both given"),
    ],
)
def test_a_step_that_cannot_be_is_refused_before_a_model_is_opened(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        train_step(where="here", **given)


def test_epochs_are_passes_over_what_is_learned(run: Path, tmp_path: Path) -> None:
    pairs = len(job(run).pairs)
    for number, (given, rows) in enumerate(
        [({}, pairs), ({"method": "sft", "learn": "good-bad"}, 2 * pairs)]
    ):
        settled = job(run, steps=None, epochs=2.0, batch_size=1, out=tmp_path / str(number), **given)
        assert train(settled).outcome.steps == 2 * rows
    # a bundled model's recipe says steps; passes asked for are taken in their place
    assert settle(train_config(run, policy="micro", epochs=1.0)).options.steps is None
    with pytest.raises(InputError, match="both given"):
        job(run, steps=3, epochs=1.0)


def test_names_of_trl_are_answered_on_the_command_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(run), "--rpo-alpha", "0.1"]) == 2
    assert "'rpo-alpha' is a name of TRL's: write nll" in capsys.readouterr().err
    assert main(["train", str(run), "--loop", "max_grad_norm=1"]) == 2
    assert "write loop: {clip_norm: 1.0}" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["dpo", "sft"])
def test_what_is_learned_of_a_thought_is_an_option_of_methods_that_write(run: Path, method: str) -> None:
    settled = job(run, method=method, train_on="answer")
    assert settled.options.train_on == "answer"
    config, _ = METHODS.get(method).loop_of(settled)  # type: ignore[misc]
    assert config.train_on == "answer"
    with pytest.raises(InputError, match="train_on"):
        job(run, method=method, train_on="thought")


@pytest.mark.parametrize("method", ["reward", "judge"])
def test_what_is_learned_of_a_thought_is_no_option_of_methods_that_write_none(run: Path, method: str) -> None:
    with pytest.raises(
        InputError, match=f"train_on is not used by method {method}, but by distill, dpo, sft, thumbs"
    ):
        job(run, method=method, train_on="answer")


def test_prompts_are_rendered_as_the_run_asked_its_policy(run: Path) -> None:
    assert job(run).chat_template_kwargs == {}
    file = run / "run.json"
    facts = json.loads(file.read_text())
    facts["config"]["policies"][0]["options"] = {
        "enable_thinking": True,
        "reasoning_effort": "low",
        "chat_template_kwargs": {"date_string": "today"},
        "thought_marks": ["<t>", "</t>"],
    }
    file.write_text(json.dumps(facts))
    settled = job(run, chat_template_kwargs={"reasoning_effort": "high"})
    assert settled.chat_template_kwargs == {
        "enable_thinking": True,
        "thinking": True,
        "date_string": "today",
        "reasoning_effort": "high",
    }
    assert settled.loop_fields(4)["thought_marks"] == ("<t>", "</t>")
    assert job(run, thought_marks=["[", "]"]).loop_fields(4)["thought_marks"] == ("[", "]")
    pairs = run / "pairs.jsonl"
    alone = job(pairs, out=run / "model", policy="micro", thought_marks=("[", "]"))
    assert alone.loop_fields(4)["thought_marks"] == ("[", "]")
    with pytest.raises(InputError, match="give two marks: START END"):
        job(run, thought_marks=["["])

"""DPO end to end on tiny models: what reaches the loss, what is held to what, what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.errors import ModelError, RecipeError, ThresholdError
from rlaif.records import Message
from rlaif.training import DPOConfig, TrainSummary, train_dpo
from rlaif.training.dpo import DPO
from rlaif.training.models import open_causal
from rlaif.training.packing import pack
from rlaif.training.reference import reference_logps
from rlaif.training.scorer import BranchScorer
from rlaif.training.spans import Spans

from .builders import example, make_examples, make_pairs, pair, read_weights, same_weights
from .conftest import MakeDirectory

SHORT = DPOConfig(steps=3, batch_size=4, learning_rate=1e-3)


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def trained(policy: Path, out: Path, config: DPOConfig = SHORT, **options: Any) -> TrainSummary:
    options = {"reference": "previous", "pairs": make_pairs(8)} | options
    return train_dpo(config, options.pop("pairs"), policy=policy, out=out, **options)


def objective_of(
    folder: Path, config: DPOConfig, pairs: list[Any], examples: Any = ()
) -> tuple[DPO, BranchScorer]:
    opened = open_causal(folder, config)
    spans = Spans(opened.chat, opened.end_id, opened.room)
    objective = DPO(config, spans.pairs(pairs)[0], spans.examples(examples)[0])
    return objective, BranchScorer(opened.model, opened.pad_id)


def part_of(objective: DPO, scorer: BranchScorer, step: int = 0) -> Any:
    trees = objective.trees(step)
    batch = pack(trees, packed=True, pad_id=0, with_last=False)
    return objective.part(step, range(len(trees)), batch, scorer(batch))


def test_training_widens_the_margin(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = DPOConfig(steps=25, batch_size=8, learning_rate=2e-3, beta=0.1, schedule="constant")
    trained(model_dir(), tmp_path / "out", config)
    lines = history(tmp_path / "out")
    assert lines[0]["rewards/margins"] == pytest.approx(0.0, abs=1e-4)
    assert lines[-1]["rewards/margins"] > 0.3
    assert lines[-1]["rewards/accuracies"] == 1.0
    assert lines[-1]["kl"] > lines[0]["kl"] >= 0


def test_the_label_probability_reaches_the_loss(model_dir: MakeDirectory) -> None:
    # at step 0 the margin is 0, and the gradient by the margin is sigmoid(0) - p
    gradients = []
    for prob in (0.5, 0.75, 0.95):
        config = replace(SHORT, batch_size=1, steps=1)
        objective, scorer = objective_of(model_dir(), config, [pair("bake", "yes", "no", label_prob=prob)])
        objective.reference = dict(
            enumerate(reference_logps(scorer, objective.trees(0), packed=True, batch_tokens=999))
        )
        part_of(objective, scorer).loss.backward()
        gradients.append(scorer.model.model.embed_tokens.weight.grad.clone())
    half, most, sure = gradients
    assert float(half.abs().max()) < 1e-7
    torch.testing.assert_close(sure, most * (0.45 / 0.25), rtol=1e-3, atol=1e-7)


def test_the_sigmoid_loss_takes_the_label_as_certain(model_dir: MakeDirectory) -> None:
    config = replace(SHORT, loss="sigmoid", batch_size=1, steps=1)
    values = []
    for prob in (0.55, 0.95):
        objective, scorer = objective_of(model_dir(), config, [pair("bake", "yes", "no", label_prob=prob)])
        values.append(float(part_of(objective, scorer).loss.detach()))
    assert values[0] == values[1]


def test_weights_reach_the_loss_and_are_relative(model_dir: MakeDirectory) -> None:
    pairs = [pair("bake", "yes", "no thank you"), pair("open", "good", "never")]

    def loss(*weights: float) -> float:
        weighted = [replace(each, weight=weight) for each, weight in zip(pairs, weights, strict=True)]
        objective, scorer = objective_of(model_dir(), replace(SHORT, batch_size=2, steps=1), weighted)
        return float(part_of(objective, scorer).loss.detach())

    even, first, second = loss(1, 1), loss(1, 0), loss(0, 1)
    assert loss(5, 5) == pytest.approx(even)
    # a pair of weight 0 counts nothing: the other one alone has the mean weight 2
    assert first + second == pytest.approx(2 * even)
    assert loss(3, 1) == pytest.approx((3 * first + second) / 4)
    assert first != pytest.approx(second)


def test_the_nll_term_is_the_mean_of_the_chosen_answers(model_dir: MakeDirectory) -> None:
    pairs = make_pairs(4)
    plain, scorer = objective_of(model_dir(), replace(SHORT, nll=0.0, steps=1), pairs)
    even = [each._replace(weight=1.0) for each in plain.pairs]
    without = part_of(DPO(replace(SHORT, nll=0.0, steps=1), even, []), scorer)
    with_nll = part_of(DPO(replace(SHORT, nll=0.3, steps=1), even, []), scorer)
    difference = float((with_nll.loss - without.loss).detach())
    assert difference == pytest.approx(0.3 * float(with_nll.figures["nll"]), rel=1e-4)


def test_passes_of_any_size_make_the_same_step(model_dir: MakeDirectory, tmp_path: Path) -> None:
    for tokens in (20, 10_000):
        config = replace(SHORT, batch_tokens=tokens, steps=2, nll=0.1, replay={"judge": 0.3})
        trained(model_dir(), tmp_path / str(tokens), config, replay=make_examples(5))
    small, large = history(tmp_path / "20"), history(tmp_path / "10000")
    for one, other in zip(small, large, strict=True):
        for name in ("loss", "rewards/margins", "kl", "replay/loss", "replay/accuracy", "grad_norm", "nll"):
            assert one[name] == pytest.approx(other[name], rel=1e-4, abs=1e-5), name


def test_packed_and_plain_rows_train_alike(model_dir: MakeDirectory, tmp_path: Path) -> None:
    for packed in (True, False):
        trained(model_dir("qwen3"), tmp_path / str(packed), replace(SHORT, packed=packed))
    for one, other in zip(history(tmp_path / "True"), history(tmp_path / "False"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert one["shared_ratio"] > 0
        assert other["shared_ratio"] == 0


def test_a_model_that_cannot_be_packed_is_trained_on_plain_rows_and_the_record_says_so(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    summary = trained(model_dir("mamba"), tmp_path / "out")
    assert not summary.packed
    assert "plain rows" in summary.notes[0]
    assert json.loads((tmp_path / "out/train.json").read_text())["notes"] == list(summary.notes)


@pytest.mark.parametrize("template", ["chatml", "thinking", "no-system", None])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2"])
def test_any_directory_is_trained(
    kind: str, template: str | None, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    system = Message(role="system", content="be good")
    pairs = [replace(each, prompt=(system, *each.prompt)) for each in make_pairs(6)]
    summary = trained(model_dir(kind, template), tmp_path / "out", pairs=pairs)
    assert summary.packed
    assert summary.counts["pairs"] == {"given": 6, "trained": 6, "refused": {}}


def test_step_zero_rewards_are_zero_when_the_reference_is_the_policy(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    for reference in ("init", "previous", str(model_dir())):
        trained(model_dir(), tmp_path / reference.replace("/", "-"), reference=reference)
        first = history(tmp_path / reference.replace("/", "-"))[0]
        assert abs(first["rewards/chosen"]) < 1e-5
        assert abs(first["rewards/rejected"]) < 1e-5


def test_step_zero_refuses_a_policy_that_is_not_its_reference(model_dir: MakeDirectory) -> None:
    objective, scorer = objective_of(model_dir(), replace(SHORT, steps=1), make_pairs(4))
    logps = reference_logps(scorer, objective.trees(0), packed=True, batch_tokens=999)
    objective.reference = dict(zip(objective.order.rows(0), (each + 0.01 for each in logps), strict=True))
    objective.starts_at_reference = True
    with pytest.raises(ModelError, match="step 0"):
        part_of(objective, scorer)


def test_another_reference_is_used(model_dir: MakeDirectory, tmp_path: Path) -> None:
    trained(model_dir(), tmp_path / "path", reference=str(model_dir(seed=1)))
    trained(model_dir(), tmp_path / "init", reference="init", reference_dir=model_dir(seed=1))
    assert abs(history(tmp_path / "path")[0]["rewards/chosen"]) > 1e-3
    assert same_weights(tmp_path / "path", tmp_path / "init")


def test_no_reference_means_no_log_ratio_and_no_kl(model_dir: MakeDirectory, tmp_path: Path) -> None:
    trained(model_dir(), tmp_path / "out", replace(SHORT, beta=0.5), reference="none")
    first = history(tmp_path / "out")[0]
    assert first["rewards/chosen"] == pytest.approx(0.5 * first["logps/chosen"])
    assert "kl" not in first


def test_a_reference_directory_beside_none_is_refused(model_dir: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="none"):
        trained(model_dir(), tmp_path / "out", reference="none", reference_dir=model_dir())


def test_replay_keeps_its_share_and_is_counted(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = replace(SHORT, batch_size=8, replay={"judge": 0.2})
    summary = trained(model_dir(), tmp_path / "out", config, replay=make_examples(6))
    assert summary.counts["replay_a_step"] == {"judge": 2}
    assert summary.counts["replay_share"] == {"judge": 0.2}
    assert summary.counts["examples"] == {"given": 6, "trained": 6, "refused": {}}
    assert {"replay/loss", "replay/accuracy"} <= history(tmp_path / "out")[0].keys()


def test_replay_alone_teaches_the_examples(model_dir: MakeDirectory, tmp_path: Path) -> None:
    examples = [example("is it warm", "yes"), example("is it bad", "no")]
    config = DPOConfig(steps=30, batch_size=2, learning_rate=3e-3, replay={"judge": 0.5}, beta=1e-6)
    trained(model_dir(), tmp_path / "out", config, replay=examples, pairs=make_pairs(2))
    lines = history(tmp_path / "out")
    assert lines[-1]["replay/accuracy"] == 1.0
    assert lines[-1]["replay/loss"] < 0.2 < lines[0]["replay/loss"]


def test_only_the_last_turn_of_a_replayed_example_has_a_loss(model_dir: MakeDirectory) -> None:
    config = replace(SHORT, steps=1, batch_size=1, replay={"judge": 0.5})
    objective, scorer = objective_of(model_dir(), config, make_pairs(1), [example("is it warm", "yes")])
    part = part_of(objective, scorer)
    tree = objective.trees(0)[-1]
    row = torch.tensor([[*tree.prefix, *tree.branches[0]]])
    logps = scorer.model(input_ids=row).logits[0].log_softmax(-1)
    places = range(len(tree.prefix) - 1, row.shape[1] - 1)
    expected = -torch.stack([logps[place, row[0, place + 1]] for place in places]).mean()
    assert part.figures["replay/loss"].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("replay", "examples", "message"),
    [
        ({"judge": 0.2}, [], "replay names 'judge'"),
        ({}, make_examples(2), "no share"),
        ({"revision": 0.2}, make_examples(2), "'revision'"),
    ],
)
def test_shares_and_examples_must_belong_together(
    replay: Any, examples: Any, message: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message):
        trained(model_dir(), tmp_path / "out", replace(SHORT, replay=replay), replay=examples)
    assert not (tmp_path / "out").exists()


def test_refused_pairs_are_counted_and_the_rest_is_trained(model_dir: MakeDirectory, tmp_path: Path) -> None:
    pairs = [*make_pairs(5), pair("x", "same", "same"), pair("x", "", "no"), pair("x", "yes " * 300, "no")]
    counts = trained(model_dir(), tmp_path / "out", pairs=pairs).counts["pairs"]
    assert counts == {"given": 8, "trained": 5, "refused": {"empty": 1, "same": 1, "too_long": 1}}


@pytest.mark.parametrize("pairs", [[], [pair("x", "same", "same")], [pair("x", "yes", "no", weight=0.0)]])
def test_nothing_to_train_on_is_said_and_nothing_is_written(
    pairs: Any, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    with pytest.raises(ThresholdError):
        trained(model_dir(), tmp_path / "out", pairs=pairs)
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_weights(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    with pytest.raises(ThresholdError, match="learning_rate"):
        trained(model_dir(), tmp_path / "out", replace(SHORT, learning_rate=1e30, steps=10, clip_norm=0.0))
    assert not (tmp_path / "out/train.json").exists()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_model_is_written_in_the_dtype_it_had(
    dtype: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    source = model_dir("llama", "chatml", dtype)
    trained(source, tmp_path / "out")
    assert {each.dtype for each in read_weights(tmp_path / "out").values()} == {getattr(torch, dtype)}
    assert read_weights(tmp_path / "out").keys() == read_weights(source).keys()


def test_the_dtype_can_be_chosen(model_dir: MakeDirectory, tmp_path: Path) -> None:
    trained(model_dir("llama", "chatml", "bfloat16"), tmp_path / "out", replace(SHORT, save_dtype="float32"))
    assert {each.dtype for each in read_weights(tmp_path / "out").values()} == {torch.float32}


def test_the_directory_is_an_ordinary_one(model_dir: MakeDirectory, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "out"
    entries = {
        "constitution": "house 1.2.0",
        "constitution digest": "b2:abc",
        "judge": "hf:judge",
        "run": "runs/r1",
    }
    summary = trained(model_dir(), out, card=entries)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    assert model.config.use_cache is not False
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(model_dir()).chat_template
    readme = (out / "README.md").read_text()
    assert all(value in readme for value in entries.values())
    record = json.loads((out / "train.json").read_text())
    assert record["config"]["beta"] == SHORT.beta
    assert record["card"] == entries
    assert len(record["history"]) == summary.steps == 3
    assert {"pairs", "base", "config.beta"} <= {
        *record["identity"],
        *(f"config.{key}" for key in record["config"]),
    }
    assert list((out / "tensorboard").iterdir())
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]


def test_metrics_have_the_names_of_trl(model_dir: MakeDirectory, tmp_path: Path) -> None:
    trained(model_dir(), tmp_path / "out")
    expected = {"loss", "grad_norm", "learning_rate", "num_tokens"}
    expected |= {f"rewards/{name}" for name in ("chosen", "rejected", "margins", "accuracies")}
    expected |= {"logps/chosen", "logps/rejected"}
    for number, line in enumerate(history(tmp_path / "out"), 1):
        assert expected <= line.keys()
        assert line["step"] == number


def test_progress_is_told_of_every_step(model_dir: MakeDirectory, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    trained(model_dir(), tmp_path / "out", progress=lambda step, steps, figures: told.append((step, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_adapter_is_written_alone_and_merged(model_dir: MakeDirectory, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    config = replace(SHORT, lora=4, steps=6, learning_rate=1e-2)
    trained(model_dir(), tmp_path / "out", config)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    base = AutoModelForCausalLM.from_pretrained(model_dir()).eval()
    row = torch.tensor([[5, 6, 7, 8]])
    before = base(row).logits
    adapted = PeftModel.from_pretrained(base, tmp_path / "out/adapter").eval()
    torch.testing.assert_close(merged(row).logits, adapted(row).logits, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(merged(row).logits, before, atol=1e-3)


def test_a_round_after_an_adapter_is_held_to_the_previous_round(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = replace(SHORT, lora=4, learning_rate=1e-2)
    trained(model_dir(), tmp_path / "one", config)
    trained(tmp_path / "one", tmp_path / "two", config, reference="previous")
    trained(tmp_path / "one", tmp_path / "three", config, reference="init", reference_dir=model_dir())
    assert abs(history(tmp_path / "two")[0]["rewards/chosen"]) < 1e-5
    assert abs(history(tmp_path / "three")[0]["rewards/chosen"]) > 1e-4


def test_only_the_adapter_trains(model_dir: MakeDirectory, tmp_path: Path) -> None:
    trained(model_dir(), tmp_path / "out", replace(SHORT, lora=4))
    before, after = read_weights(model_dir()), read_weights(tmp_path / "out")
    unchanged = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if "norm" in name or "embed" in name} <= unchanged
    assert any("q_proj" in name for name in before.keys() - unchanged)


def test_gradient_checkpointing_changes_nothing_but_memory(model_dir: MakeDirectory, tmp_path: Path) -> None:
    for on in (True, False):
        trained(model_dir(), tmp_path / str(on), replace(SHORT, gradient_checkpointing=on))
    for one, other in zip(history(tmp_path / "True"), history(tmp_path / "False"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
        assert one["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-4)


def test_bf16_trains_like_float32_but_for_noise(model_dir: MakeDirectory, tmp_path: Path) -> None:
    for precision in ("float32", "bf16"):
        trained(model_dir(), tmp_path / precision, replace(SHORT, precision=precision))
    exact, rough = history(tmp_path / "float32")[0], history(tmp_path / "bf16")[0]
    assert rough["loss"] == pytest.approx(exact["loss"], abs=0.02)
    assert rough["logps/chosen"] != exact["logps/chosen"]


def test_an_adapter_directory_is_a_policy_like_any_other(model_dir: MakeDirectory, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    trained(model_dir(), tmp_path / "one", replace(SHORT, lora=4, learning_rate=1e-2))
    adapter = tmp_path / "one/adapter"
    AutoTokenizer.from_pretrained(model_dir()).save_pretrained(adapter)
    trained(adapter, tmp_path / "two", replace(SHORT, steps=1))
    trained(tmp_path / "one", tmp_path / "three", replace(SHORT, steps=1))
    two, three = (history(tmp_path / name)[0] for name in ("two", "three"))
    assert two["rewards/chosen"] == pytest.approx(0.0, abs=1e-5)
    assert two["logps/chosen"] == pytest.approx(three["logps/chosen"], rel=1e-4)

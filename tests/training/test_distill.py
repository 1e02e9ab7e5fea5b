"""Distillation: the student moves to its teacher, on the same tokens behind other turns; what cannot be is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.errors import ModelError, RecipeError, ThresholdError
from rlaif.records import Example, Message
from rlaif.training import DistillConfig, train_distill
from rlaif.training.distill import Distillation
from rlaif.training.models import open_causal
from rlaif.training.packing import pack
from rlaif.training.passes import tokens_a_pass
from rlaif.training.sampled import Sampled
from rlaif.training.scorer import BranchScorer
from rlaif.training.spans import Spans, answer_id
from rlaif.training.teachers import OwnTeacher

from .builders import make_model, make_tokenizer, same_weights, text
from .conftest import MakeDirectory

FORMS: dict[str, dict[str, Any]] = {
    "full": {},
    "forward": {"direction": "forward"},
    "top-k": {"form": "top-k", "top_k": 5},
    "jensen-shannon": {"form": "jensen-shannon", "alpha": 0.3},
    "sampled": {"form": "sampled"},
}


def taught(count: int, seed: int = 0, rule: str = "always say thank you thank you") -> list[Example]:
    import random

    rng = random.Random(seed)
    found = []
    for _ in range(count):
        asked = Message(role="user", content=text(rng, 3, 8))
        said = Message(role="assistant", content=text(rng, 2, 9))
        found.append(
            Example(
                messages=(asked, said), teacher=(Message(role="system", content=rule), asked), kind="distill"
            )
        )
    return found


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def config(**given: Any) -> DistillConfig:
    return DistillConfig(
        **{"steps": 12, "batch_size": 6, "learning_rate": 2e-3, "schedule": "constant", **given}
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_student_comes_nearer(form: str, model_dir: MakeDirectory, tmp_path: Path) -> None:
    rows = taught(6)
    train_distill(config(**FORMS[form], steps=30), rows, policy=model_dir(), out=tmp_path / "out")
    lines = history(tmp_path / "out")
    if form == "sampled":  # the value of its loss says nothing
        assert abs(lines[-1]["log_ratio"]) < abs(lines[0]["log_ratio"]) / 2
    else:
        assert lines[-1]["loss"] < lines[0]["loss"] / 2


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma2", "gpt2", "mamba"])
def test_the_loss_is_the_mean_of_the_formula_over_the_answers_tokens(
    kind: str, model_dir: MakeDirectory
) -> None:
    """Of packed rows as of each row read alone by the model itself."""
    made = config(batch_size=4)
    opened = open_causal(model_dir(kind), made)
    rows, refused = Spans(opened.chat, opened.end_id, opened.room, taught=True).examples(taught(4))
    assert not refused
    scorer = BranchScorer(opened.model, opened.pad_id)
    scorer.distributions = True
    packed = kind not in ("mamba",)
    objective = Distillation(made, rows, OwnTeacher(scorer, 0.0), packed=packed, pad_id=0)
    batch = pack(objective.trees(0), packed=packed, pad_id=0, with_last=False)
    found = objective.part(0, range(4), batch, scorer(batch)).loss
    terms = []
    for row in rows:
        assert row.taught is not None
        both = []
        for each in (row, row.taught):
            ids = torch.tensor([[*each.prompt, *each.answer]])
            logits = opened.model(input_ids=ids).logits[0, len(each.prompt) - 1 : -1].double()
            both.append(logits.log_softmax(-1))
        own, held = both[0], both[1].detach()
        terms.append((own.exp() * (own - held)).sum(-1))
    expected = torch.cat(terms).mean()
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


def test_a_row_counts_by_its_weight(model_dir: MakeDirectory) -> None:
    made = config(batch_size=2)
    opened = open_causal(model_dir(), made)
    rows = Spans(opened.chat, opened.end_id, opened.room, taught=True).examples(taught(2))[0]
    scorer = BranchScorer(opened.model, opened.pad_id)
    scorer.distributions = True

    def loss(*weights: float) -> float:
        weighed = [row._replace(weight=weight) for row, weight in zip(rows, weights, strict=True)]
        objective = Distillation(made, weighed, OwnTeacher(scorer, 0.0), packed=True, pad_id=0)
        batch = pack(objective.trees(0), packed=True, pad_id=0, with_last=False)
        return float(objective.part(0, range(2), batch, scorer(batch)).loss)

    # weights are relative to their mean: 3 and 1 are 1.5 and .5, 1 and 0 are 2 and 0
    assert loss(3, 1) == pytest.approx((1.5 * loss(1, 0) + 0.5 * loss(0, 1)) / 2, rel=1e-5)
    assert loss(2, 2) == pytest.approx(loss(1, 1), rel=1e-6)


@pytest.mark.parametrize("teacher", ["base", "live", "ema"])
def test_each_teacher_gives_what_the_student_learns(
    teacher: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    rows = taught(6)
    train_distill(config(teacher=teacher, steps=4), rows, policy=model_dir(), out=tmp_path / "out")
    assert history(tmp_path / "out")[0]["loss"] > 0


def test_the_mean_of_the_weights_by_hand(model_dir: MakeDirectory) -> None:
    opened = open_causal(model_dir(), config())
    scorer = BranchScorer(opened.model, opened.pad_id)
    mean, base, live = (OwnTeacher(scorer, rate) for rate in (0.25, 0.0, 1.0))
    name, weight = next(iter(scorer.named_parameters()))
    before = weight.detach().clone()
    for _ in range(2):
        with torch.no_grad():
            weight.add_(1.0)
        for each in (mean, base, live):
            each.after()
    # 0.25 * 1, then 0.75 * 0.25 + 0.25 * 2
    torch.testing.assert_close(mean.tensors()[f"teacher/{name}"], before + 0.6875)
    assert not base.tensors()
    assert not live.tensors()
    trees = [Distillation(config(), _rows(opened), base, packed=True, pad_id=0).trees(0)[0]]
    batch = pack(trees, packed=True, pad_id=0, with_last=False)
    now = scorer(batch).logp_N
    torch.testing.assert_close(live.read(batch).logp_N, now)
    assert not torch.allclose(base.read(batch).logp_N, now)
    with torch.no_grad():
        weight.copy_(before)
    torch.testing.assert_close(base.read(batch).logp_N, scorer(batch).logp_N)


def _rows(opened: Any) -> Any:
    return Spans(opened.chat, opened.end_id, opened.room, taught=True).examples(taught(3))[0]


def test_another_model_teaches(model_dir: MakeDirectory, tmp_path: Path) -> None:
    """It may be shown the same as the student, for it knows something else."""
    rows = [replace(each, teacher=()) for each in taught(6)]
    other = model_dir("qwen2", seed=3)
    train_distill(
        config(teacher=str(other), steps=30), rows, policy=model_dir(), teacher=other, out=tmp_path / "out"
    )
    lines = history(tmp_path / "out")
    assert lines[-1]["loss"] < lines[0]["loss"] / 2


@pytest.mark.parametrize("lora", [0, 2])
def test_passes_of_any_size_make_the_same_step(lora: int, model_dir: MakeDirectory, tmp_path: Path) -> None:
    for tokens in (15, 10_000):
        made = config(steps=3, batch_tokens=tokens, lora=lora, teacher="ema")
        train_distill(made, taught(9), policy=model_dir(), out=tmp_path / str(tokens))
    for one, other in zip(history(tmp_path / "15"), history(tmp_path / "10000"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)


def test_packed_and_plain_rows_make_the_same_step(model_dir: MakeDirectory, tmp_path: Path) -> None:
    for packed in (True, False):
        made = config(steps=3, packed=packed, gradient_checkpointing=not packed)
        train_distill(made, taught(6), policy=model_dir(), out=tmp_path / str(packed))
    for one, other in zip(history(tmp_path / "True"), history(tmp_path / "False"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)


@pytest.mark.parametrize(("form", "teacher"), [("full", "ema"), ("sampled", "base"), ("top-k", "live")])
def test_a_stopped_training_goes_on_to_the_same_weights(
    form: str, teacher: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    made = config(**FORMS[form], teacher=teacher, steps=7, checkpoint_every=2)
    rows = taught(9)
    train_distill(made, rows, policy=model_dir(), out=tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop(step: int, *_: Any) -> None:
        if step == 5:
            raise Stop

    with pytest.raises(Stop):
        train_distill(made, rows, policy=model_dir(), out=tmp_path / "again", progress=stop)
    train_distill(made, rows, policy=model_dir(), out=tmp_path / "again")
    assert same_weights(tmp_path / "whole", tmp_path / "again")


def test_the_teacher_reads_the_ids_that_the_student_drew(model_dir: MakeDirectory) -> None:
    """Sampled ids may be other ones than the tokenizer's own: both read the same."""
    opened = open_causal(model_dir(), config())
    (row,) = taught(1)
    said = row.messages[-1].content
    letters = tuple(token for letter in said for token in opened.chat.text_ids([letter])[0])
    assert letters != tuple(opened.chat.text_ids([said])[0])
    known = {answer_id(row.messages[:-1], row.messages[-1:]): Sampled(letters, False)}
    (found,), _ = Spans(opened.chat, opened.end_id, opened.room, sampled=known, taught=True).examples([row])
    assert found.taught is not None
    assert found.answer == found.taught.answer == (*letters, opened.end_id)


def test_examples_without_teachers_turns_are_refused(model_dir: MakeDirectory, tmp_path: Path) -> None:
    rows = taught(3)
    rows[1] = replace(rows[1], teacher=())
    with pytest.raises(
        RecipeError, match=r"1 of 3 examples have no teacher's turns, the first of them row 2"
    ):
        train_distill(config(), rows, policy=model_dir(), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_teacher_with_another_tokenizer_is_refused(model_dir: MakeDirectory, tmp_path: Path) -> None:
    other = tmp_path / "other"
    tokenizer = make_tokenizer("chatml")
    tokenizer.add_tokens(["zzz"])
    make_model("llama", len(tokenizer)).save_pretrained(other)
    tokenizer.save_pretrained(other)
    for form in ("full", "sampled"):
        with pytest.raises(ModelError, match=r"another tokenizer than the student .*form sampled too"):
            train_distill(
                config(teacher=str(other), form=form),
                taught(3),
                policy=model_dir(),
                teacher=other,
                out=tmp_path / "o",
            )
    assert not (tmp_path / "o").exists()


def test_more_tokens_than_there_are_is_refused(model_dir: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="top_k is 100000, and the model has"):
        train_distill(
            config(form="top-k", top_k=100_000), taught(3), policy=model_dir(), out=tmp_path / "out"
        )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"form": "jensen-shannon", "alpha": 1.0}, "alpha is 1.0; it must lie between 0 and 1"),
        ({"form": "jensen-shannon", "alpha": 0.0}, "alpha is 0.0"),
        ({"alpha": 0.5}, "read by form jensen-shannon only"),
        ({"form": "sampled", "direction": "forward"}, "read by form top-k and full only"),
        ({"teacher": "base", "ema_rate": 0.1}, "read by teacher ema only"),
        ({"teacher": "ema", "ema_rate": 1.0}, "ema_rate is 1.0"),
        ({"form": "other"}, "must be one of"),
        ({"parallel": "fully_shard"}, "must be ddp"),
    ],
)
def test_settings_that_mean_nothing_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        DistillConfig(**given)


def test_what_the_teacher_cannot_read_is_left_out_and_counted(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    rows = [*taught(3), *taught(1, seed=1, rule="yes no " * 200)]
    summary = train_distill(config(steps=1), rows, policy=model_dir(), out=tmp_path / "out")
    assert summary.counts["examples"]["refused"] == {"teacher_too_long": 1}
    with pytest.raises(ThresholdError, match="1 teacher_too_long: what the teacher is shown"):
        train_distill(config(steps=1), rows[-1:], policy=model_dir(), out=tmp_path / "none")


def test_a_wide_vocabulary_makes_smaller_passes(model_dir: MakeDirectory) -> None:
    opened = open_causal(model_dir(), config())
    scorer = BranchScorer(opened.model, opened.pad_id)
    usual = tokens_a_pass(config(), scorer)
    scorer.distributions = True
    assert tokens_a_pass(config(), scorer) == usual
    scorer.model.config.vocab_size = 1 << 18
    assert tokens_a_pass(config(), scorer) == 256
    assert tokens_a_pass(config(batch_tokens=999), scorer) == 999

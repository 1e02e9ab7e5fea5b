"""The reference: named, computed once for all trainings, and that of the round before after an adapter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rlaif.errors import ModelError, RunError
from rlaif.training import DPOConfig, train_dpo
from rlaif.training.packing import Tree
from rlaif.training.reference import LogpCache, assert_same, reference_logps, tokens_key
from rlaif.training.scorer import BranchScorer

from .builders import make_pairs, same_weights
from .conftest import MakeDirectory

SHORT = DPOConfig(steps=2, batch_size=4, learning_rate=1e-3)
TREES = [Tree((1, 2, 3), ((4, 5), (6,))), Tree((1, 2), ((3, 4, 5), (6,))), Tree((9,), ((8, 7), (6, 5)))]


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


class Counting(BranchScorer):
    """Counts the trees that it reads."""

    read_rows = 0

    def forward(self, batch):  # type: ignore[no-untyped-def]
        type(self).read_rows += batch.branches // 2
        return super().forward(batch)


@pytest.fixture
def scorer(model_dir: MakeDirectory) -> Counting:
    from rlaif.training.models import open_causal

    Counting.read_rows = 0
    return Counting(open_causal(model_dir(), SHORT).model, 0)


def test_what_is_kept_is_not_computed_again_and_is_the_same_to_the_bit(
    scorer: Counting, tmp_path: Path
) -> None:
    cache = LogpCache(tmp_path / "logps.sqlite", "weights", "float32")
    first = reference_logps(scorer, TREES[:2], packed=True, batch_tokens=99, cache=cache)
    assert scorer.read_rows == 2
    again = reference_logps(scorer, TREES, packed=True, batch_tokens=99, cache=cache)
    assert scorer.read_rows == 3
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=False))
    alone = reference_logps(scorer, TREES, packed=True, batch_tokens=99)
    for one, other in zip(again, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("other", [{"weights": "others"}, {"kind": "bfloat16"}])
def test_other_weights_or_dtypes_share_nothing(
    scorer: Counting, tmp_path: Path, other: dict[str, str]
) -> None:
    cache = LogpCache(tmp_path / "logps.sqlite", "weights", "float32")
    reference_logps(scorer, TREES, packed=True, batch_tokens=99, cache=cache)
    assert cache._replace(**other).found(TREES) == [None, None, None]  # type: ignore[arg-type]


def test_keys_tell_where_prompts_and_answers_end() -> None:
    trees = [
        Tree((1, 2), ((3,), (4,))),
        Tree((1,), ((2, 3), (4,))),
        Tree((1, 2), ((3, 4), ())),
        Tree((1, 2), ((4,), (3,))),
    ]
    assert len({tokens_key(each) for each in trees}) == 4


def test_a_killed_computation_keeps_its_whole_batches(scorer: Counting, tmp_path: Path) -> None:
    cache = LogpCache(tmp_path / "logps.sqlite", "weights", "float32")

    class Dying(Counting):
        def forward(self, batch):  # type: ignore[no-untyped-def]
            if Counting.read_rows >= 1:
                raise KeyboardInterrupt
            Counting.read_rows += 1
            return BranchScorer.forward(self, batch)

    with pytest.raises(KeyboardInterrupt):
        reference_logps(Dying(scorer.model, 0), TREES, packed=True, batch_tokens=5, cache=cache)
    assert sum(each is not None for each in cache.found(TREES)) == 1
    Counting.read_rows = 0
    reference_logps(scorer, TREES, packed=True, batch_tokens=5, cache=cache)
    assert scorer.read_rows == 2


def test_a_file_that_is_no_cache_is_named(scorer: Counting, tmp_path: Path) -> None:
    (tmp_path / "logps.sqlite").write_text("no database, but a text long enough to be read as one" * 20)
    with pytest.raises(RunError, match="remove it"):
        LogpCache(tmp_path / "logps.sqlite", "w", "k").found(TREES)


def test_a_sweep_computes_the_reference_once(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    keep = LogpCache.keep

    def counted(self: LogpCache, trees: list[Tree], logps: list[torch.Tensor]) -> None:
        kept.append(len(trees))
        keep(self, trees, logps)

    monkeypatch.setattr(LogpCache, "keep", counted)
    given = {"policy": model_dir(), "reference": str(model_dir(seed=1)), "cache": tmp_path / "logps.sqlite"}
    for number, (loss, rate) in enumerate([("soft", 1e-3), ("ipo", 1e-3), ("soft:1,nll:0.1", 1e-2)]):
        config = replace(SHORT, loss=loss, learning_rate=rate, seed=number)
        train_dpo(config, make_pairs(8), out=tmp_path / str(number), **given)  # type: ignore[arg-type]
    assert sum(kept) == 8
    train_dpo(SHORT, make_pairs(8), out=tmp_path / "own", **(given | {"cache": None}))  # type: ignore[arg-type]
    train_dpo(SHORT, make_pairs(8), out=tmp_path / "shared", **given)  # type: ignore[arg-type]
    assert sum(kept) == 16
    for one, other in zip(history(tmp_path / "own"), history(tmp_path / "shared"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-6)


def test_a_loss_without_reference_asks_none(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(LogpCache, "keep", never)
    train_dpo(
        replace(SHORT, loss="simpo"),
        make_pairs(6),
        policy=model_dir(),
        reference="previous",
        out=tmp_path / "out",
    )
    assert "kl" not in history(tmp_path / "out")[0]


def test_an_adapter_after_an_adapter_is_held_to_the_round_before_and_not_to_the_bare_model(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = replace(SHORT, lora=4, steps=6, learning_rate=2e-2)
    first, second, bare = (tmp_path / name for name in ("first", "second", "bare"))
    train_dpo(config, make_pairs(8), policy=model_dir(), reference="previous", out=first)
    assert not same_weights(model_dir(), first)
    train_dpo(config, make_pairs(8), policy=first, reference="previous", out=second)
    # as the reference is the merged first round, nothing has moved at step 0
    assert abs(history(second)[0]["rewards/margins"]) < 1e-5
    assert abs(history(second)[0]["kl"]) < 1e-5
    train_dpo(config, make_pairs(8), policy=first, reference="init", reference_dir=model_dir(), out=bare)
    assert abs(history(bare)[0]["rewards/margins"]) > 1e-3


def test_an_adapter_directory_as_policy_is_its_own_reference(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = replace(SHORT, lora=4, steps=6, learning_rate=2e-2)
    train_dpo(config, make_pairs(8), policy=model_dir(), reference="previous", out=tmp_path / "first")
    # the adapter alone, as other trainers leave it: base and adapter together are the round before
    adapter = tmp_path / "first" / "adapter"
    train_dpo(config, make_pairs(8), policy=adapter, reference="previous", out=tmp_path / "second")
    assert abs(history(tmp_path / "second")[0]["rewards/margins"]) < 1e-5


def test_noise_of_bfloat16_grows_with_a_log_probability_and_chance_does_not() -> None:
    # 0.25 of 15 is what bfloat16 is off by; 0.25 of a likely token's is dropout
    likely, unlikely = torch.tensor([-0.5, -1.0]), torch.tensor([-15.0, -1.0])
    assert_same(unlikely + torch.tensor([0.25, 0.0]), unlikely, "bf16")
    with pytest.raises(ModelError, match="computes at random"):
        assert_same(likely + torch.tensor([0.25, 0.0]), likely, "bf16")
    with pytest.raises(ModelError, match="computes at random"):
        assert_same(unlikely + torch.tensor([0.25, 0.0]), unlikely, "float32")


def test_training_in_bf16_keeps_float32_weights(model_dir: MakeDirectory, tmp_path: Path) -> None:
    # a step of 1e-6 is less than a bfloat16 weight can move by
    from safetensors.torch import load_file

    config = replace(SHORT, precision="bf16", save_dtype="float32", learning_rate=1e-6, weight_decay=0.0)
    policy = model_dir()
    train_dpo(config, make_pairs(8), policy=policy, reference="init", out=tmp_path / "out")
    before, after = (load_file(each / "model.safetensors") for each in (policy, tmp_path / "out"))
    moved = [(after[name].float() - before[name].float()).abs().max() for name in before]
    assert all(each.dtype == torch.float32 for each in after.values())
    assert 0 < max(moved) < 1e-5

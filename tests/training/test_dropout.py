"""Nothing drops out in a training, whatever a make calls its dropout; what is kept of a reference never did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import ModelError
from rlaif.libraries.transformers import checkpoint_gradients, drops_unseen
from rlaif.training import DPOConfig, train_dpo
from rlaif.training.dpo import pair_tree
from rlaif.training.models import open_causal
from rlaif.training.reference import LogpCache, reference_logps
from rlaif.training.scorer import BranchScorer
from rlaif.training.spans import Spans

from .builders import make_model, make_pairs, make_tokenizer

SHAPE: dict[str, Any] = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, initializer_range=0.3, pad_token_id=0,
    bos_token_id=None, eos_token_id=2,
)  # fmt: skip
UNSEEN = ("starcoder2", "opt", "bloom", "falcon", "biogpt", "mixtral")
SEEN = ("gpt2", "llama")


def made(kind: str, vocab: int) -> Any:
    import transformers as t

    torch.manual_seed(0)
    drops = {"hidden_dropout": 0.3, "attention_dropout": 0.2}
    room = {"max_position_embeddings": 256, "intermediate_size": 48}
    match kind:
        case "starcoder2":
            own = dict(
                residual_dropout=0.3, embedding_dropout=0.3, attention_dropout=0.2, num_key_value_heads=2
            )
            return t.Starcoder2ForCausalLM(t.Starcoder2Config(vocab_size=vocab, **SHAPE, **room, **own))
        case "opt":
            own = dict(ffn_dim=48, dropout=0.3, layerdrop=0.3, word_embed_proj_dim=32, init_std=0.3)
            room = {"max_position_embeddings": 256}
            return t.OPTForCausalLM(
                t.OPTConfig(vocab_size=vocab, **SHAPE | {"bos_token_id": 2}, **room, **own)
            )
        case "bloom":
            own = dict(
                hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3, pad_token_id=0, eos_token_id=2
            )
            return t.BloomForCausalLM(t.BloomConfig(vocab_size=vocab, **own, **drops))
        case "falcon":  # its layers ask their configuration at each pass
            return t.FalconForCausalLM(t.FalconConfig(vocab_size=vocab, **SHAPE, **drops))
        case "biogpt":
            own = dict(layerdrop=0.3, hidden_dropout_prob=0.3)
            return t.BioGptForCausalLM(t.BioGptConfig(vocab_size=vocab, **SHAPE, **room, **own))
        case "mixtral":
            own = dict(
                num_local_experts=4, num_experts_per_tok=2, router_jitter_noise=0.3, num_key_value_heads=2
            )
            return t.MixtralForCausalLM(t.MixtralConfig(vocab_size=vocab, **SHAPE, **room, **own))
        case _:
            return make_model(kind, vocab)


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    tokenizer = make_tokenizer("tight")
    place = tmp_path / "policy"
    made(request.param, len(tokenizer)).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


@pytest.mark.parametrize("kind", [*UNSEEN, *SEEN])
def test_a_model_in_training_mode_gives_what_it_gives_outside(kind: str) -> None:
    model, ids = made(kind, 97), torch.arange(3, 60)[None]
    with torch.no_grad():
        wanted = model.eval()(input_ids=ids, use_cache=False).logits
        assert checkpoint_gradients(model) == ""
        assert model.training
        for _ in range(3):
            assert torch.allclose(model(input_ids=ids, use_cache=False).logits, wanted, atol=1e-4)


@pytest.mark.parametrize("folder", [*UNSEEN, *SEEN], indirect=True)
def test_architectures_that_drop_out_outside_of_torch_modules_are_recognised(folder: Path) -> None:
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    assert drops_unseen(folder) is (kind in UNSEEN)


@pytest.mark.parametrize("folder", ["starcoder2", "falcon"], indirect=True)
def test_what_a_checkpointed_training_keeps_of_its_reference_is_what_the_reference_says(folder: Path) -> None:
    pairs, cache = make_pairs(6), folder.parent / "logps.sqlite"
    config = DPOConfig(batch_size=3, steps=2, gradient_checkpointing=True, trackers=())
    train_dpo(config, pairs, policy=folder, reference="init", out=folder.parent / "out", cache=cache)
    opened = open_causal(folder, DPOConfig())
    trees = [pair_tree(each) for each in Spans(opened.chat, opened.end_id, opened.room).pairs(pairs)[0]]
    truth = reference_logps(BranchScorer(opened.model, opened.pad_id), trees, packed=False, batch_tokens=999)
    kept = LogpCache(cache, model_fingerprint(folder), "float32/float32/none/dry").found(trees)
    for one, other in zip(kept, truth, strict=True):
        assert one is not None
        assert torch.allclose(one, other, atol=1e-4)
    written = json.loads((folder.parent / "out/config.json").read_text())
    asked = json.loads((folder / "config.json").read_text())
    assert {name: value for name, value in written.items() if "drop" in name} == {
        name: value for name, value in asked.items() if "drop" in name
    }


@pytest.mark.parametrize("folder", ["llama"], indirect=True)
def test_what_was_kept_of_a_make_that_never_dropped_is_found_again(folder: Path) -> None:
    pairs, cache = make_pairs(3), folder.parent / "logps.sqlite"
    config = DPOConfig(batch_size=3, steps=1, trackers=())
    train_dpo(config, pairs, policy=folder, reference="init", out=folder.parent / "out", cache=cache)
    opened = open_causal(folder, DPOConfig())
    trees = [pair_tree(each) for each in Spans(opened.chat, opened.end_id, opened.room).pairs(pairs)[0]]
    kept = LogpCache(cache, model_fingerprint(folder), "float32/float32/none").found(trees)
    assert all(each is not None for each in kept)


@pytest.mark.parametrize("folder", ["llama"], indirect=True)
def test_a_model_that_stays_random_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    class Noisy(Qwen2ForCausalLM):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            out = super().forward(*args, **kwargs)
            if self.training:
                out.logits = out.logits + torch.randn_like(out.logits)
            return out

    config = Qwen2Config(vocab_size=400, **SHAPE | {"intermediate_size": 48, "num_key_value_heads": 2})
    monkeypatch.setattr("rlaif.training.models.load_model", lambda _, **__: Noisy(config))
    with pytest.raises(ModelError, match=r"gradient_checkpointing: Noisy .* computes at random"):
        open_causal(folder, DPOConfig(gradient_checkpointing=True))

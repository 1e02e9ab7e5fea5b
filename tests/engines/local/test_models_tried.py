"""A model is used as its authors use it, or refused in a sentence: nothing at random, nothing by neighbours."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.chat_template import Chat
from rlaif.engines.local.generate import Decoder, Draw
from rlaif.engines.local.load import check_vocabulary, load_model
from rlaif.engines.local.score import PromptScorer
from rlaif.engines.local.shared_prefix import ScoredPrompt
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.libraries.transformers import context_of, end_ids_of, rope_switch
from rlaif.records import Sampling
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.configs.reward import RewardConfig
from rlaif.training.models import open_causal, open_classifier
from rlaif.training.packing import Tree, pack
from rlaif.training.scorer import BranchScorer as TrainingScorer
from rlaif.training.scorer import RewardScorer, choose_layout
from tests.engines.tiny import make_model, make_tokenizer, question, write_model

SHAPE: dict[str, Any] = dict(
    vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, initializer_range=0.3, bos_token_id=None, eos_token_id=2, pad_token_id=0,
)  # fmt: skip
SWITCH = 24


def varying(kind: str) -> Any:
    import transformers as t

    torch.manual_seed(0)
    if kind == "longrope":
        rope = {
            "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4,
            "original_max_position_embeddings": SWITCH, "factor": 256 / SWITCH,
        }  # fmt: skip
        limits = dict(max_position_embeddings=256, original_max_position_embeddings=SWITCH)
        return t.Phi3ForCausalLM(t.Phi3Config(**SHAPE, **limits, rope_parameters=rope)).eval()
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
    return t.LlamaForCausalLM(
        t.LlamaConfig(**SHAPE, max_position_embeddings=SWITCH, rope_parameters=rope)
    ).eval()


def some(count: int, seed: int = 0) -> list[int]:
    draws = random.Random(seed)
    return [draws.randrange(3, 97) for _ in range(count)]


@torch.inference_mode()
def alone(kind: str, prompt: list[int], answer: list[int]) -> float:
    """By a model that has read nothing else, and of the text no more than what the answer's last token goes by."""
    logits = varying(kind)(input_ids=torch.tensor([prompt + answer[:-1]]), use_cache=False).logits[0]
    logp = logits.float().log_softmax(-1)
    return sum(float(logp[len(prompt) + place - 1, token]) for place, token in enumerate(answer))


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_an_answers_score_does_not_depend_on_its_neighbours(kind: str) -> None:
    scorer = PromptScorer(varying(kind), 4096)
    questions = [ScoredPrompt(some(length, length), [[5], [6]]) for length in (60, 15, 40, 8, 23)]
    for _ in range(2):  # nor on what was read before
        for asked, found in zip(questions, scorer.score(questions), strict=True):
            length = len(asked.prompt)
            if length != SWITCH - 1:
                wanted = [alone(kind, list(asked.prompt), list(answer)) for answer in asked.answers]
                assert found == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
def test_a_text_does_not_depend_on_its_neighbours(kind: str) -> None:
    prompts = [some(length, length) for length in (60, 15, 30, 8, 24)]
    draws = [Draw(tuple(each), Sampling(temperature=0.0), 0, 6) for each in prompts]
    together = Decoder(varying(kind), frozenset({2}), str).draw(draws)
    apart = [Decoder(varying(kind), frozenset({2}), str).draw([each])[0] for each in draws]
    assert [each.ids for each in together] == [each.ids for each in apart]
    assert len(together[4].ids) == 0  # it ends where its factors would change


@pytest.mark.parametrize("kind", ["longrope", "dynamic"])
@torch.inference_mode()
def test_a_trained_row_does_not_depend_on_its_neighbours(kind: str) -> None:
    scorer = TrainingScorer(varying(kind), 0)
    trees = [Tree(tuple(some(length, length)), ((5, 2), (6, 7, 2))) for length in (50, 10, 35, 5)]
    assert not choose_layout(scorer, trees, wanted=True).packed
    assert choose_layout(scorer, trees[1::2], wanted=True).packed
    found = scorer(pack(trees, packed=False, pad_id=0, with_last=False)).logp_N
    each = [scorer(pack([row], packed=False, pad_id=0, with_last=False)).logp_N for row in trees]
    assert torch.allclose(found, torch.cat(each), atol=1e-4)


def test_rope_of_one_kind_for_all_lengths_has_no_switch() -> None:
    import transformers as t

    yarn = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
    assert rope_switch(t.LlamaConfig(**SHAPE, max_position_embeddings=256, rope_parameters=yarn)) is None
    assert rope_switch(make_model("gemma3", 97).config) is None
    assert rope_switch(varying("longrope").config) == rope_switch(varying("dynamic").config) == SWITCH


def rewrite(folder: Path, change: Any) -> Path:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})
    return folder


BROKEN = {
    "head": (lambda held: {k: v for k, v in held.items() if k != "lm_head.weight"}, "lm_head.weight"),
    "prefix": (lambda held: {f"_orig_mod.{k}": v for k, v in held.items()}, "_orig_mod"),
    "layer": (lambda held: {k: v for k, v in held.items() if "layers.1" not in k}, "layers.1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_weights_that_are_missing_are_named_and_never_drawn(tmp_path: Path, name: str) -> None:
    change, words = BROKEN[name]
    folder = rewrite(write_model(tmp_path / "m", "qwen3"), change)
    for task in (lambda: open_engine(f"hf:{folder}"), lambda: open_causal(folder, DPOConfig())):
        with pytest.raises(ModelError, match=f"(?s)lacks .* weights.*{words}"):
            task()


def test_weights_tied_to_others_are_not_missing(tmp_path: Path) -> None:
    open_engine(f"hf:{write_model(tmp_path / 'm', 'llama')}")


@pytest.mark.parametrize("tied", [True, False])
def test_a_reward_model_is_no_policy_and_no_judge(tmp_path: Path, tied: bool) -> None:
    import transformers as t

    config = t.LlamaConfig(**SHAPE | {"vocab_size": 420}, num_labels=1, tie_word_embeddings=tied)
    t.LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    for task in (lambda: open_engine(f"hf:{tmp_path}"), lambda: open_causal(tmp_path, DPOConfig())):
        with pytest.raises(
            ModelError, match=r"LlamaForSequenceClassification and writes no text; .* reward:"
        ):
            task()


def test_the_head_of_a_new_reward_model_is_meant_to_be_new(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", "qwen3")
    opened = open_classifier(folder, RewardConfig())
    assert opened.model.config.id2label[0] == "reward"
    with pytest.raises(ModelError, match="lacks"):
        open_classifier(rewrite(folder, BROKEN["layer"][0]), RewardConfig())


@pytest.mark.parametrize("kind", ["bert", "modernbert", "t5", "bert-plain"])
def test_an_encoder_makes_no_reward_model(tmp_path: Path, kind: str) -> None:
    import transformers as t

    size = dict(
        vocab_size=420, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    match kind:
        case "bert":
            model: Any = t.BertForMaskedLM(t.BertConfig(**size))
        case "bert-plain":
            model = t.BertModel(t.BertConfig(**size))
        case "modernbert":
            model = t.ModernBertForMaskedLM(
                t.ModernBertConfig(**size, pad_token_id=0, cls_token_id=1, sep_token_id=2)
            )
        case _:
            small = dict(vocab_size=420, d_model=32, d_ff=48, num_layers=2, num_heads=4, d_kv=8)
            model = t.T5ForConditionalGeneration(t.T5Config(**small))
    model.save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="encoder"):
        open_classifier(tmp_path, RewardConfig())


def composite(kind: str) -> Any:
    import transformers as t

    if kind == "gemma3":
        text = t.Gemma3TextConfig(
            **SHAPE | {"vocab_size": 420, "eos_token_id": [1, 2]}, head_dim=8, max_position_embeddings=300
        )
        seen = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2)
        vision = t.SiglipVisionConfig(**seen, image_size=56, patch_size=14)
        tokens = dict(image_token_index=400, boi_token_index=401, eoi_token_index=402, mm_tokens_per_image=4)
        return t.Gemma3ForConditionalGeneration(
            t.Gemma3Config(text_config=text, vision_config=vision, **tokens)
        )
    linear = dict(
        linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=8
    )
    held = SHAPE | {"vocab_size": 420, "layer_types": ["linear_attention", "full_attention"], "head_dim": 8}
    look = dict(depth=1, hidden_size=32, intermediate_size=48, num_heads=2, out_hidden_size=32)
    tokens = dict(image_token_id=400, video_token_id=401, vision_start_token_id=402, vision_end_token_id=403)
    return t.Qwen3_5ForConditionalGeneration(
        t.Qwen3_5Config(
            text_config=held | linear | {"max_position_embeddings": 300}, vision_config=look, **tokens
        )
    )


@pytest.mark.parametrize("kind", ["gemma3", "qwen3.5"])
def test_a_configuration_with_a_text_part_is_read_there(tmp_path: Path, kind: str) -> None:
    composite(kind).save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    model = load_model(tmp_path)
    assert 2 in end_ids_of(model)
    assert context_of(model.config) == open_causal(tmp_path, DPOConfig()).room == 300
    opened = open_classifier(tmp_path, RewardConfig())
    trees = [Tree((5, 6, 7), ((8, 2), (9, 10, 2)))]
    with torch.no_grad():
        rewards = RewardScorer(opened.model, opened.pad_id)(
            pack(trees, packed=False, pad_id=opened.pad_id, with_last=True)
        )
    assert rewards.shape == (2,)


def test_tokens_beyond_the_embeddings_are_refused_with_both_figures(tmp_path: Path) -> None:
    folder, tokenizer = write_model(tmp_path / "m"), make_tokenizer()
    rows = load_model(folder).get_input_embeddings().weight.shape[0]
    tokenizer.add_tokens([f"tok{number}" for number in range(30)])
    tokenizer.save_pretrained(folder)
    for task in (lambda: open_engine(f"hf:{folder}"), lambda: open_causal(folder, DPOConfig())):
        with pytest.raises(ModelError, match=rf"tokens up to {rows + 29}, .* embeddings of {rows} only"):
            task()


def test_a_special_token_beyond_the_embeddings_that_no_text_can_spell_is_let_be(tmp_path: Path) -> None:
    folder, tokenizer = write_model(tmp_path / "m"), make_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    check_vocabulary(folder, Chat(tokenizer), load_model(folder))
    tokenizer.chat_template = "<image>" + tokenizer.chat_template
    with pytest.raises(ModelError, match="embeddings of"):
        check_vocabulary(folder, Chat(tokenizer), load_model(folder))


def test_an_adapter_that_brings_its_own_embeddings_makes_the_base_grow(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base, tokenizer = write_model(tmp_path / "m", "qwen3"), make_tokenizer()
    model = load_model(base)
    tokenizer.add_tokens(["<new>"])
    model.resize_token_embeddings(len(tokenizer))
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    folder = tmp_path / "a"
    get_peft_model(model, config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = json.loads((folder / "adapter_config.json").read_text()) | {
        "base_model_name_or_path": str(base)
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    assert next(iter(open_engine(f"hf:{folder}").score([question("so <new>")]))).error is None


def test_a_checkpoint_in_four_bits_is_not_trained(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (folder / "config.json").write_text(json.dumps(config))
    ways = [DPOConfig(), DPOConfig(lora=4), DPOConfig(lora=4, quantize="4bit")]
    for way in ways:
        with pytest.raises(ModelError, match=r"saved in few bits.*--loop quantize=4bit"):
            open_causal(folder, way)
    with pytest.raises(ModelError, match="saved in few bits"):
        open_classifier(folder, RewardConfig())

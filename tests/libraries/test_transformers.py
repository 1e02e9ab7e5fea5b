"""What the adapter assumes of transformers; where an assumption breaks, the library is blamed and no model."""

from __future__ import annotations

import logging as python_logging
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from rlaif.engines.local.generate import Decoder, Draw
from rlaif.engines.local.score import slack
from rlaif.errors import LibraryError, ModelError
from rlaif.libraries import transformers as adapter
from rlaif.libraries.transformers import cache as caches
from rlaif.records import Sampling
from tests.engines.tiny import KINDS, ODD_KINDS, TEMPLATES, make_model, make_tokenizer, write_model

VOCABULARY = 120


def figures(model: Any, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].log_softmax(-1)


class Renamed:
    """A model of a later library: its cache goes in under another name, and any other name is swallowed."""

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name = model, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, **inputs: Any) -> Any:
        known = adapter.cache_argument(self.model)
        cache = inputs.pop(self.name, None)
        for name in adapter.CACHE_NAMES:
            inputs.pop(name, None)
        return self.model(**inputs, **({known: cache} if cache is not None else {}))


@pytest.mark.parametrize("kind", [*KINDS, *ODD_KINDS])
def test_what_is_read_behind_a_cache_is_what_is_read_in_one_go(kind: str) -> None:
    model = make_model(kind, VOCABULARY).eval()
    cache = adapter.new_cache(model.config)
    with torch.inference_mode():
        for ids in ([3, 4, 5], [6]):
            start = 0 if ids[0] == 3 else 3
            out = adapter.with_cache(
                model,
                cache,
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones(1, start + len(ids), dtype=torch.long),
                position_ids=torch.arange(start, start + len(ids))[None],
            )
        found = out.logits[0, -1].log_softmax(-1)
        assert (found - figures(model, [3, 4, 5, 6])).abs().max() < 1e-4


@pytest.mark.parametrize("name", adapter.CACHE_NAMES)
def test_the_name_of_the_cache_is_tried_on_the_model_and_not_read_off_a_signature(name: str) -> None:
    assert adapter.cache_argument(Renamed(make_model("llama", VOCABULARY), name)) == name


def test_a_model_that_takes_no_cache_has_no_name_for_it() -> None:
    assert adapter.cache_argument(Renamed(make_model("llama", VOCABULARY), "memory")) is None


def test_handing_over_a_cache_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    model = make_model("llama", VOCABULARY)
    with warnings.catch_warnings(), caplog.at_level(python_logging.DEBUG):
        warnings.simplefilter("error")
        adapter.with_cache(model, adapter.new_cache(model.config), input_ids=torch.tensor([[1]]))
    assert caplog.records == []


def test_rows_of_a_cache_are_kept_repeated_joined_and_cut() -> None:
    model = make_model("llama", VOCABULARY).eval()
    with torch.inference_mode():
        cache, other = adapter.new_cache(model.config), adapter.new_cache(model.config)
        adapter.with_cache(model, cache, input_ids=torch.tensor([[1, 2, 3], [4, 5, 6]]))
        adapter.with_cache(model, other, input_ids=torch.tensor([[7, 8, 9]]))
        kept = [layer.keys.clone() for layer in cache.layers]
        adapter.select_rows(cache, torch.tensor([1, 1, 0]), skip=1)
        for layer, keys in zip(cache.layers, kept, strict=True):
            assert torch.equal(layer.keys, keys[[1, 1, 0]][:, :, 1:])
        adapter.join_rows(cache, other)
        assert cache.get_seq_length() == 3
        assert torch.equal(cache.layers[0].keys[3:], other.layers[0].keys)
        adapter.crop_columns(cache, 2)
        assert cache.get_seq_length() == 2


def test_the_plain_model_passes_every_trial_and_leaves_random_numbers_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    model = adapter.plain_model()
    assert torch.equal(torch.get_rng_state(), before)
    assert adapter.cache_argument(model) is not None
    assert min(Decoder(model, frozenset({2}), str)._trial_gaps().values()) < slack(model)
    assert adapter.library_changed(adapter.cache_argument, "no text can be drawn") is None


def draw(model: Any) -> None:
    Decoder(model, frozenset({2}), lambda ids: "").draw([Draw((1, 2, 3), Sampling(), 0, 4)])


def test_a_cache_that_breaks_in_every_model_is_the_librarys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Any, rows: torch.Tensor, skip: int = 0) -> None:
        self._key_room = self.keys[:, :, skip:].index_select(0, rows) * 0
        self._value_room = self.values[:, :, skip:].index_select(0, rows) * 0
        self._show(self._key_room.shape[-2])

    monkeypatch.setattr(caches._RoomyLayer, "select", forgetful)
    with pytest.raises(LibraryError, match=r"no text can be drawn: transformers .* whatever the model"):
        draw(make_model("llama", VOCABULARY))


def test_a_cache_that_breaks_in_one_model_is_that_models_fault() -> None:
    class Forgets(Renamed):
        def __call__(self, **inputs: Any) -> Any:
            cache = inputs.get(self.name)
            if cache is not None and cache.get_seq_length():
                del inputs[self.name]
                inputs["attention_mask"] = inputs["attention_mask"][:, -inputs["input_ids"].shape[1] :]
            return super().__call__(**inputs)

    with pytest.raises(ModelError, match="does not give its own figures again"):
        draw(Forgets(make_model("llama", VOCABULARY), "cache"))


def test_a_directory_is_loaded_without_a_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_model(tmp_path / "model")
    capfd.readouterr()
    adapter.load_causal(folder, dtype=torch.float32, trust_remote_code=False, device_map=None)
    adapter.load_classifier(folder, dtype=torch.float32, id2label={0: "reward"})
    adapter.load_tokenizer(folder, trust_remote_code=False)
    assert capfd.readouterr() == ("", "")


def test_what_a_user_set_of_the_librarys_words_comes_back() -> None:
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.enable_progress_bar()
    with adapter.quiet():
        assert logging.get_verbosity() == logging.ERROR
        assert not logging.is_progress_bar_enabled()
    assert logging.get_verbosity() == level
    assert logging.is_progress_bar_enabled()


def test_the_attention_of_a_model_can_be_read_and_set() -> None:
    model = make_model("llama", VOCABULARY)
    adapter.set_attention(model, "eager")
    assert adapter.attention_of(model.config) == "eager"


@pytest.mark.parametrize("load", ["causal", "classifier"])
def test_scores_that_are_to_be_capped_are_capped_whatever_attention_the_library_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: str
) -> None:
    folder = write_model(tmp_path / "gemma2", "gemma2")
    # what 5.16 says of it; there `sdpa` leaves the cap out without a word
    monkeypatch.setattr(transformers.Gemma2PreTrainedModel, "_supports_sdpa", True)
    how = {"dtype": torch.float32, "trust_remote_code": False, "device_map": None}
    if load == "causal":
        model = adapter.load_causal(folder, **how)
    else:
        model = adapter.load_classifier(folder, **how, id2label={0: "reward"})
    assert model.config.attn_logit_softcapping is not None
    assert adapter.attention_of(model.config) == "eager"


def test_other_models_keep_the_attention_that_the_library_takes(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "llama", "llama")
    model = adapter.load_causal(folder, dtype=torch.float32, trust_remote_code=False, device_map=None)
    assert adapter.attention_of(model.config) == "sdpa"


REAL = {
    "dated": """{{- bos_token }}
{%- if date_string is not defined %}
    {%- set date_string = "1 May 2025" %}
{%- endif %}
{%- if messages[0]["role"] == "system" %}
    {%- set first = messages[0]["content"] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set first = "" %}
{%- endif %}
{{- "<|start|>system\n" + "It is " + date_string + ". " + first + "<|end|>" }}
{%- for each in messages %}
    {%- if each.role != "tool" and "calls" not in each %}
        {{- "<|start|>" + each["role"] + "\n" + each["content"] | trim + "<|end|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|start|>assistant\n" }}
{%- endif %}
""",
    "thoughtful": """{%- set seen = namespace(asked=false, last=messages | length - 1) %}
{%- for each in messages[::-1] %}
    {%- if not seen.asked and each.role == "user" and not each.content.startswith("<result>") %}
        {%- set seen.asked = true %}
        {%- set seen.last = messages | length - 1 - loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for each in messages %}
    {%- set said = each.content if each.content is string else "" %}
    {%- if each.role in ["user", "system"] %}
        {{- "<|start|>" + each.role + "\n" + said + "<|end|>" + "\n" }}
    {%- else %}
        {%- if "</think>" in said %}{% set said = said.split("</think>")[-1].lstrip("\n") %}{% endif %}
        {%- generation %}{{- "<|start|>" ~ each.role ~ "\n" ~ said.strip("\n") ~ "<|end|>\n" }}{% endgeneration %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|start|>assistant\n" }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- "<think>\n\n</think>\n\n" }}
    {%- endif %}
{%- endif %}
""",
    "breaking": (
        "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ m | tojson(indent=2) }}{{ eos_token }}"
        "{% endfor %}{{ strftime_now('fixed') }}{{ tools is none }}{{ documents is none }}"
    ),
}


@pytest.mark.parametrize("name", [*REAL, *TEMPLATES])
@pytest.mark.parametrize("generate", [False, True])
def test_a_template_within_limits_writes_what_the_library_writes(name: str, generate: bool) -> None:
    source = (REAL | TEMPLATES)[name]
    if source is None:
        return
    tokenizer = make_tokenizer()
    tokenizer.chat_template = source
    turns = [
        {"role": "user", "content": " bake?\n"},
        {"role": "assistant", "content": "<think>so</think>\n\nyes"},
        {"role": "user", "content": "and <b>bread</b>?"},
    ]
    options = {"enable_thinking": False}
    wanted = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=generate, **options)
    assert adapter.chat_template(tokenizer, lambda form: form)(turns, generate, options) == wanted


def test_of_several_templates_the_default_is_taken() -> None:
    tokenizer = make_tokenizer()
    tokenizer.chat_template = {"tool_use": "tools", "default": "{{ messages[0].content }}"}
    assert adapter.chat_template(tokenizer, str)([{"role": "user", "content": "a"}], False, {}) == "a"
    tokenizer.chat_template = {"tool_use": "tools", "rag": "rag"}
    with pytest.raises(ValueError, match="no default"):
        adapter.chat_template(tokenizer, str)


def test_a_tokenizer_with_a_rendering_of_its_own_keeps_it() -> None:
    class Own(adapter.PreTrainedTokenizerFast):
        def apply_chat_template(self, turns: Any, **options: Any) -> str:
            return f"own {turns[0]['content']} {options['add_generation_prompt']}"

    tokenizer = make_tokenizer()
    tokenizer.__class__ = Own
    assert adapter.chat_template(tokenizer, str)([{"role": "user", "content": "a"}], True, {}) == "own a True"

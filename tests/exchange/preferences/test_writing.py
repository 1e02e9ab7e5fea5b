"""Exports are read by who they are for: TRL's trainers take a step; margins and thumbs where they are clear."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.exchange.format import About, pair_format, written_formats
from rlaif.exchange.formats.kto import BOTH_THUMBS
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.preferences.writing import (
    NOT_HELD,
    TIE,
    preference_rows,
    write_preferences,
)

from .builders import pair, turn

FORMATS = written_formats()
ABOUT = About("mine", "2026-01-01T00:00:00+00:00", {})
PAIRS = [pair("how", "yes mix wait", "no"), pair("how bake", "yes mix", "no wait")]


def test_a_margin_is_written_on_request_only() -> None:
    [row], _ = preference_rows([pair(label_prob=0.9)], format="trl")
    assert "margin" not in row
    [row], _ = preference_rows([pair(label_prob=0.9)], format="trl", margin="log-odds")
    assert row["margin"] == pytest.approx(2.197225)  # log(.9 / .1)
    [row], _ = preference_rows([pair(label_prob=1.0)], format="trl", margin="log-odds")
    assert row["margin"] == pytest.approx(3.89182)  # log(.98 / .02)
    [row], _ = preference_rows([pair(score_gap=1.5)], format="openrlhf", margin="score-gap")
    assert row["margin"] == 1.5


def test_a_margin_that_is_not_there_or_not_read_is_refused() -> None:
    with pytest.raises(InputError, match="has no score_gap"):
        preference_rows([pair()], format="trl", margin="score-gap")
    with pytest.raises(InputError, match="no trainer of kto reads a margin"):
        preference_rows([pair()], format="kto", margin="log-odds")


def test_an_answer_with_both_thumbs_has_none() -> None:
    rows, left_out = preference_rows([pair(), pair(chosen="No.", rejected="Never.")], format="kto")
    assert [(row["completion"][0]["content"], row["label"]) for row in rows] == [
        ("So.", True),
        ("Never.", False),
    ]
    assert left_out == {BOTH_THUMBS: 1}
    assert len(preference_rows([pair(), pair(rejected="Never.")], format="kto")[0]) == 3


def test_what_a_format_cannot_hold_is_counted() -> None:
    turns = (turn("user", "a"), turn("assistant", "b"), turn("user", "c"))
    rows, left_out = preference_rows([pair(prompt=turns), pair()], format="ultrafeedback")
    assert (len(rows), left_out) == (1, {NOT_HELD: 1})


@pytest.mark.parametrize("format_", FORMATS)
def test_the_likelier_side_is_the_chosen_one_in_every_format(tmp_path: Path, format_: str) -> None:
    # "No." is better with probability .8: a format without probabilities must not say the opposite
    other = pair(label_prob=0.2, score_gap=-1.0, chosen_score=1.0, rejected_score=2.0, critique="Of No.")
    written = write_preferences(tmp_path, "train", [other], format=format_, about=ABOUT)
    assert written.left_out == {}
    place = tmp_path / "train" if format_ == "datasets" else written.files[0]
    [found] = read_preferences(place).pairs
    assert (found.chosen[0].content, found.rejected[0].content) == ("No.", "So.")
    assert found.label_prob in (1.0, pytest.approx(0.8))


@pytest.mark.parametrize("format_", [each for each in FORMATS if each != "annotated-pairs"])
def test_a_tie_is_no_preference_where_a_format_has_no_probability(format_: str) -> None:
    rows, left_out = preference_rows([pair(label_prob=0.5), pair("Why?")], format=format_)
    if "label_prob" in rows[0]:
        assert (rows[0]["label_prob"], left_out) == (0.5, {})
    else:
        assert left_out == {TIE: 1}
        assert "How?" not in json.dumps(rows)


def test_no_bar_of_datasets_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from datasets.utils import are_progress_bars_disabled

    before = are_progress_bars_disabled()
    for format_ in ("datasets", "trl-parquet"):
        write_preferences(tmp_path, "train", PAIRS, format=format_, about=ABOUT)
    assert capsys.readouterr().err == ""
    assert are_progress_bars_disabled() is before


@pytest.mark.parametrize("system", [False, True])
def test_llama_factory_is_told_what_the_file_is(tmp_path: Path, system: bool) -> None:
    from datasets import load_dataset

    prompt = (turn("system", "Be brief."), turn("user", "q"))
    given = [*PAIRS, pair(prompt=prompt)] if system else PAIRS
    written = write_preferences(tmp_path, "train", given, format="llama-factory", about=ABOUT)
    beside = pair_format("llama-factory").beside
    assert beside is not None
    files = beside({"train": written})
    entry = json.loads(files["dataset_info.json"])["rlaif_train"]
    assert (entry["file_name"], entry["formatting"], entry["ranking"]) == ("train.json", "sharegpt", True)
    assert entry["columns"]["messages"] == "conversations"
    # its SharegptDatasetConverter: example[attr.system] if attr.system, and so for every column that is named
    data = {"train": str(tmp_path / entry["file_name"])}
    loaded = load_dataset("json", data_files=data, cache_dir=str(tmp_path / "cache"))["train"]
    found = [{ours: row[theirs] for ours, theirs in entry["columns"].items()} for row in loaded]
    assert [row.get("system") for row in found] == ([None, None, "Be brief."] if system else [None, None])
    assert ("system" in entry["columns"]) is system
    assert pair_format("trl").beside is None


# --- TRL's trainers

WORDS = ["[pad]", "[end]", "[unk]", "user", "assistant", "how", "bake", "mix", "wait", "no", "yes"]
TEMPLATE = (
    "{% for m in messages %}{{ m.role + ' ' + m.content + ' [end] ' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
)


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[unk]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "[pad]", "eos_token": "[end]", "unk_token": "[unk]"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, chat_template=TEMPLATE, **special)


def tiny(kind: str, folder: Path) -> Any:
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        pad_token_id=0, eos_token_id=1, bos_token_id=None, num_labels=1,
    )  # fmt: skip
    made = getattr(transformers, f"LlamaFor{kind}")
    made(config).save_pretrained(folder)  # the trainers load their own reference from there
    return made.from_pretrained(folder)


def rows(folder: Path, format_: str, margin: str | None = None) -> Any:
    from datasets import load_dataset, load_from_disk

    written = write_preferences(folder, "train", PAIRS, format=format_, about=ABOUT, margin=margin)
    if format_ == "datasets":
        return load_from_disk(str(folder / "train"))
    kind = "parquet" if format_ == "trl-parquet" else "json"
    return load_dataset(
        kind, data_files=str(written.files[0]), split="train", cache_dir=str(folder / "cache")
    )


@pytest.mark.parametrize(
    ("format_", "trainer", "kind", "margin"),
    [
        ("trl", "DPO", "CausalLM", None),
        ("trl-parquet", "DPO", "CausalLM", None),
        ("datasets", "Reward", "SequenceClassification", "log-odds"),
        ("openrlhf", "Reward", "SequenceClassification", None),
        ("kto", "KTO", "CausalLM", None),
    ],
)
def test_trls_trainers_take_a_step(
    tmp_path: Path, format_: str, trainer: str, kind: str, margin: str | None
) -> None:
    import trl

    options = {
        "output_dir": str(tmp_path / "out"), "max_steps": 1, "per_device_train_batch_size": 2, "report_to": [],
        "use_cpu": True, "bf16": False, "save_strategy": "no", "disable_tqdm": True,
        "gradient_checkpointing": False, "logging_steps": 1,
    }  # fmt: skip
    made = getattr(trl, f"{trainer}Trainer")(
        model=tiny(kind, tmp_path / "model"),
        args=getattr(trl, f"{trainer}Config")(**options),
        train_dataset=rows(tmp_path, format_, margin),
        processing_class=tokenizer(),
    )
    batch = next(iter(made.get_train_dataloader()))
    if margin is not None:
        assert batch["margin"].tolist() == pytest.approx([2.197225, 2.197225], abs=1e-5)
    made.train()
    assert made.state.log_history[0]["loss"] > 0

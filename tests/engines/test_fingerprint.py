"""A model's fingerprint holds every file that opening it reads, and none that it does not."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.fingerprint import adapter_base, model_fingerprint
from rlaif.engines.local.checks import check_directory
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.shipped import shipped_model

from .tiny import question, write_model

CODE = (
    "from transformers import LlamaForCausalLM\n"
    "from .factor import FACTOR\n"
    "class Own(LlamaForCausalLM):\n"
    "    def forward(self, *args, **kwargs):\n"
    "        out = super().forward(*args, **kwargs)\n"
    "        out.logits = out.logits * FACTOR\n"
    "        return out\n"
)
OPENED: list[Path] = []
_listening = False


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event == "open" and isinstance(arguments[0], str):
        OPENED.append(Path(arguments[0]))


sys.addaudithook(_listen)


@contextmanager
def listening() -> Iterator[list[Path]]:
    """What is opened inside, by Python."""
    global _listening
    OPENED.clear()
    _listening = True
    try:
        yield OPENED
    finally:
        _listening = False


def with_code(folder: Path, factor: str = "1.0") -> Path:
    write_model(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"auto_map": {"AutoModelForCausalLM": "modeling_own.Own"}, "architectures": ["Own"]}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_own.py").write_text(CODE)
    (folder / "factor.py").write_text(f"FACTOR = {factor}\n")
    return folder


def changed(folder: Path, path: Path, **how: Any) -> bool:
    """Whether the fingerprint is another one when a file is."""
    before, content = model_fingerprint(folder, **how), path.read_bytes()
    path.write_bytes(content + b"\n ")
    try:
        return model_fingerprint(folder, **how) != before
    finally:
        path.write_bytes(content)


def adapter(folder: Path, base: Path, named: str | None = None) -> Path:
    from peft import LoraConfig, get_peft_model

    from rlaif.engines.local.load import load_model

    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", init_lora_weights=False)
    get_peft_model(load_model(base), config).save_pretrained(folder)
    rename(folder, named or str(base))
    return folder


def rename(folder: Path, base: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": base}))


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("make", ["plain", "code", "adapter"])
def test_every_file_that_opening_a_model_reads_is_in_its_fingerprint(
    tmp_path: Path, make: str, trust: bool
) -> None:
    folder = with_code(tmp_path / "m") if make == "code" else write_model(tmp_path / "m")
    if make == "adapter":
        folder = adapter(tmp_path / "a", folder)
    with listening() as opened:
        engine = open_engine(f"hf:{folder}", trust_remote_code=trust)
        next(iter(engine.score([question("how do I bake bread")])))
    places = [folder, tmp_path / "m"]
    read = {path for path in opened if path.is_file() and any(place in path.parents for place in places)}
    assert {path.name for path in read} >= {"config.json"}
    assert [path.name for path in sorted(read) if not changed(folder, path, own_code=trust)] == []


NAMES = (
    "spiece.model", "tiktoken.model", "tekken.json", "qwen.tiktoken", "sentencepiece.bpe.model", "source.spm",
    "tokenizer.model.v3", "vocab-src.json", "bpe.codes", "dict.txt", "entity_vocab.json", "emoji.json",
    "additional_chat_templates/tool_use.jinja",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_files_of_all_kinds_of_tokenizers_count(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path / "m")
    without = model_fingerprint(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("one")
    assert model_fingerprint(folder) != without
    assert changed(folder, folder / name)


def test_a_file_that_the_tokenizers_settings_name_counts(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"lexicon": "words.dat"}))
    (folder / "words.dat").write_text("one")
    assert changed(folder, folder / "words.dat")


@pytest.mark.parametrize("name", ["README.md", "train.json", "metrics.jsonl", "optimizer.pt", "notes.txt"])
def test_what_no_model_reads_does_not_count(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path / "m")
    without = model_fingerprint(folder)
    (folder / name).write_text("one")
    assert model_fingerprint(folder) == without


def test_a_directory_of_usual_files_has_the_fingerprint_that_it_always_had() -> None:
    folder = shipped_model("micro")
    assert folder is not None
    from rlaif.hashing import digest, digest_files

    files = [each for each in folder.iterdir() if each.name != "README.md"]
    assert model_fingerprint(folder) == digest("model", digest_files(files), "float32", {})


def test_code_that_is_not_run_does_not_count(tmp_path: Path) -> None:
    folder = with_code(tmp_path / "m")
    code = folder / "factor.py"
    assert changed(folder, code)
    assert not changed(folder, code, own_code=False)
    assert not changed(write_model(tmp_path / "n"), shutil.copy(code, tmp_path / "n/setup.py"))


def test_other_code_is_another_model_to_the_engines(tmp_path: Path) -> None:
    one, other = with_code(tmp_path / "a"), with_code(tmp_path / "b", "-1.0")
    trusting = [open_engine(f"hf:{each}", trust_remote_code=True) for each in (one, other)]
    scores = [next(iter(each.score([question("hello")]))).logprobs for each in trusting]
    assert scores[0] != scores[1]
    assert trusting[0].fingerprint != trusting[1].fingerprint
    plain = [open_engine(f"hf:{each}").fingerprint for each in (one, other)]
    assert plain[0] == plain[1]


def test_a_pickled_adapter_is_refused_whatever_lies_beside_it(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "a", write_model(tmp_path / "m"))
    (folder / "adapter_model.safetensors").rename(folder / "other.safetensors")
    (folder / "adapter_model.bin").write_bytes(b"pickled")
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors, which is not there; pickled"):
        open_engine(f"hf:{folder}")


def test_an_adapters_base_is_looked_for_from_the_adapter_too(tmp_path: Path) -> None:
    base = write_model(tmp_path / "deep" / "m")
    folder = adapter(tmp_path / "work" / "a", base, "../../deep/m")
    assert adapter_base(folder) == folder / "../../deep/m"
    check_directory(folder)
    rename(folder, "../nowhere")
    with pytest.raises(ModelError, match=r"\.\./nowhere is not a directory"):
        check_directory(folder)


def test_a_configuration_beside_an_adapter_makes_no_whole_model_of_it(tmp_path: Path) -> None:
    base = write_model(tmp_path / "m")
    folder = adapter(tmp_path / "a", base)
    shutil.copy(base / "config.json", folder)
    alone = next(iter(open_engine(f"hf:{folder}").score([question("x")]))).logprobs
    assert alone != next(iter(open_engine(f"hf:{base}").score([question("x")]))).logprobs
    shutil.copy(base / "model.safetensors", folder)
    with pytest.raises(ModelError, match="a whole model and an adapter"):
        check_directory(folder)


@pytest.mark.parametrize("named", [None, 3, "", ["a"]])
def test_an_adapter_without_a_base_says_so(tmp_path: Path, named: Any) -> None:
    folder = adapter(tmp_path / "a", write_model(tmp_path / "m"))
    rename(folder, named)
    with pytest.raises(ModelError, match="names no base model"):
        check_directory(folder)


def test_an_adapter_on_an_adapter_is_refused(tmp_path: Path) -> None:
    first = adapter(tmp_path / "a", write_model(tmp_path / "m"))
    second = adapter(tmp_path / "b", tmp_path / "m", str(first))
    rename(first, str(first))
    for each in (first, second):
        with pytest.raises(ModelError, match="is an adapter itself"):
            check_directory(each)


def in_shards(folder: Path) -> Path:
    from rlaif.engines.local.load import load_model

    load_model(write_model(folder)).save_pretrained(folder, max_shard_size="20KB")
    (folder / "model.safetensors").unlink()
    return folder


def test_an_index_that_says_no_more_than_the_shards_does_not_count(tmp_path: Path) -> None:
    folder = in_shards(tmp_path / "m")
    index = folder / "model.safetensors.index.json"
    assert index.is_file()
    assert not changed(folder, index)
    held = json.loads(index.read_text())
    before = model_fingerprint(folder)
    (folder / "model-decoy.safetensors").write_bytes(
        sorted(folder.glob("model-0*.safetensors"))[0].read_bytes()
    )
    with_decoy = model_fingerprint(folder)
    assert with_decoy != before
    # two files hold the tensor: which of them is loaded is the index's to say
    first = next(iter(held["weight_map"]))
    index.write_text(
        json.dumps(held | {"weight_map": held["weight_map"] | {first: "model-decoy.safetensors"}})
    )
    assert model_fingerprint(folder) != with_decoy


def test_files_beside_a_model_that_are_read_all_count(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    for name in (
        "processor_config",
        "preprocessor_config",
        "special_tokens_map",
        "added_tokens",
        "params",
        "tekken",
    ):
        (folder / f"{name}.json").write_text("{}")
    (folder / "chat_template.json").write_text('{"chat_template": "x"}')
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates/rag.jinja").write_text("hi")
    with listening() as opened:
        next(iter(open_engine(f"hf:{folder}").score([question("how do I bake bread")])))
    read = {path for path in opened if path.is_file() and folder in path.parents}
    assert {"rag.jinja", "special_tokens_map.json"} <= {path.name for path in read}
    assert [path.name for path in sorted(read) if not changed(folder, path)] == []

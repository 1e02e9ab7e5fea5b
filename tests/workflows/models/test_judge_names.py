"""A name that names no model is answered with the one that it comes closest to."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import ModelError
from rlaif.workflows.models.judge_names import known_kind

MEANT = {
    "Qwen/Qwen3-0.6B": "did you mean 'hf:Qwen/Qwen3-0.6B'?",
    "Qwen/Qwen3-0.6B@main": "did you mean 'hf:Qwen/Qwen3-0.6B@main'?",
    "Qwen3-0.6B": "did you mean 'hf:OWNER/Qwen3-0.6B'?",
    "https://huggingface.co/Qwen/Qwen3-0.6B/tree/main": "did you mean 'hf:Qwen/Qwen3-0.6B'?",
    "huggingface:Qwen/Qwen3-0.6B": "did you mean 'hf:Qwen/Qwen3-0.6B'?",
    "hff:Qwen/Qwen3-0.6B": "did you mean 'hf:Qwen/Qwen3-0.6B'?",
    "HF:Qwen/Qwen3-0.6B": "did you mean 'hf:Qwen/Qwen3-0.6B'?",
    "openia:http://h:8/v1#m": "did you mean 'openai:http://h:8/v1#m'?",
    "scirpt:a.jsonl": "did you mean 'script:a.jsonl'?",
    "rule:limits.yaml": "did you mean 'rules:limits.yaml'?",
    "gpt-4o": "did you mean 'openai:https://api.openai.com/v1?key=OPENAI_API_KEY#gpt-4o'?",
    "ollama": "did you mean 'openai:http://127.0.0.1:11434/v1#MODEL'?",
    "micro:weka": "did you mean 'micro:weak'?",
    "Micro": "did you mean 'micro'?",
    "gold": "did you mean 'gold:'?",
    "./models/r1": "no such directory is there",
    "/models/r1": "no such directory is there",
    "models/r1": "did you mean 'hf:models/r1'?",
    "weights.gguf": "opened by a server",
}


@pytest.mark.parametrize(("name", "said"), MEANT.items(), ids=MEANT)
def test_a_name_that_is_none_is_answered_with_what_was_meant(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as refused:
        known_kind(name)
    assert f"{name!r} names no model" in str(refused.value)
    assert said in str(refused.value)


def test_a_file_of_answers_is_meant_as_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "answers.jsonl").write_text("{}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"did you mean 'script:answers\.jsonl'"):
        known_kind("answers.jsonl")


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ModelError) as refused:
        known_kind("http://me:hunter2hunter2@127.0.0.1:8000/v1")
    assert "hunter2" not in str(refused.value)

"""What the adapters assume of accelerate, peft, datasets, vLLM and torch."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rlaif.errors import LibraryError
from rlaif.libraries import accelerate, datasets, peft, vllm
from rlaif.libraries.torch import multiplies_bfloat16
from rlaif.training.trackers import PACKAGES
from tests.engines.tiny import make_model

VOCABULARY = 120


def test_every_tracker_that_is_offered_has_its_name_in_accelerate() -> None:
    assert set(PACKAGES) <= set(accelerate.LOGGER_TYPE_TO_CLASS)


def test_a_tracker_that_accelerate_has_lost_is_accelerates_fault() -> None:
    with pytest.raises(LibraryError, match=r"accelerate .*tested"):
        accelerate.start_tracker("no-such-tracker", "rlaif")


def test_only_one_process_prints_what_it_says() -> None:
    accelerate.join_launch(cpu=True)
    assert accelerate.said_by_main({"loss": 1.0}) == {"loss": 1.0}


def test_a_new_adapter_changes_nothing_and_is_all_that_trains() -> None:
    model = make_model("llama", VOCABULARY).eval()
    ids = torch.tensor([[3, 4, 5]])
    before = model(input_ids=ids).logits
    wrapped = peft.with_lora(model, rank=2, alpha=4, dropout=0.1, classifies=False).eval()
    assert torch.equal(wrapped(input_ids=ids).logits, before)
    trained = [name for name, each in wrapped.named_parameters() if each.requires_grad]
    assert trained
    assert all("lora" in name for name in trained)


def test_an_adapters_own_dropout_is_known_by_its_name() -> None:
    wrapped = peft.with_lora(make_model("llama", VOCABULARY), rank=2, alpha=4, dropout=0.1, classifies=False)
    found = [each for name, each in wrapped.named_modules() if peft.is_dropout(name)]
    assert found
    assert all(isinstance(each, torch.nn.Dropout) for each in found)


def test_the_model_inside_an_adapter_holds_the_adapters_layers() -> None:
    model = make_model("llama", VOCABULARY)
    wrapped = peft.with_lora(model, rank=2, alpha=4, dropout=0.0, classifies=False)
    assert peft.without_adapter(wrapped) is model
    assert peft.without_adapter(model) is model
    assert any("lora" in name for name, _ in model.named_parameters())


def test_a_merged_adapter_gives_the_figures_of_the_one_on_top(tmp_path: Path) -> None:
    wrapped = peft.with_lora(make_model("llama", VOCABULARY), rank=2, alpha=4, dropout=0.0, classifies=False)
    with torch.no_grad():
        for name, each in wrapped.named_parameters():
            if "lora_B" in name:
                each.fill_(0.1)
    ids = torch.tensor([[3, 4, 5]])
    wanted = wrapped(input_ids=ids).logits
    wrapped.save_pretrained(tmp_path)
    from_files = peft.merged(make_model("llama", VOCABULARY), tmp_path)
    assert torch.allclose(from_files(input_ids=ids).logits, wanted, atol=1e-5)
    assert torch.allclose(peft.merged(wrapped)(input_ids=ids).logits, wanted, atol=1e-5)


def test_rows_come_back_from_both_containers_of_datasets(tmp_path: Path) -> None:
    rows = [{"id": "a", "prompt": [{"role": "user", "content": "Hi"}], "label_prob": 0.75}]
    kinds: dict[str, Any] = {"id": "text", "prompt": "turns", "label_prob": "number"}
    datasets.save_directory(rows, kinds, tmp_path / "rows")
    datasets.save_parquet(rows, kinds, tmp_path / "rows.parquet")
    assert datasets.load_from_disk(str(tmp_path / "rows")).to_list() == rows
    assert datasets.Dataset.from_parquet(str(tmp_path / "rows.parquet")).to_list() == rows


def test_a_label_that_vllm_left_out_is_no_number() -> None:
    output = SimpleNamespace(
        outputs=[SimpleNamespace(logprobs=[{7: SimpleNamespace(logprob=math.log(0.5))}])]
    )
    assert vllm.read_at(output, 7) == math.log(0.5)
    with pytest.raises(LibraryError, match="labels cannot be read"):
        vllm.read_at(output, 8)


def test_what_a_user_set_for_vllm_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "DEBUG")
    monkeypatch.delenv("VLLM_NO_USAGE_STATS", raising=False)
    vllm.settle()
    import os

    assert os.environ["VLLM_LOGGING_LEVEL"] == "DEBUG"
    assert os.environ["VLLM_NO_USAGE_STATS"] == "1"


def test_where_torch_does_not_say_float32_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert multiplies_bfloat16(torch.device("cpu")) is False


WHOLE = {
    "RANK": "0",
    "WORLD_SIZE": "2",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}
STRAY: list[tuple[dict[str, str], str]] = [
    ({"WORLD_SIZE": "2"}, r"WORLD_SIZE=2: a launch sets RANK, LOCAL_RANK, .*unset WORLD_SIZE; .*torchrun"),
    ({"LOCAL_RANK": "0", "RANK": "0"}, r"RANK=0 LOCAL_RANK=0: a launch sets WORLD_SIZE, MASTER_ADDR"),
    ({"LOCAL_RANK": "0"}, "a launch sets RANK"),
    ({name: value for name, value in WHOLE.items() if name != "MASTER_PORT"}, "a launch sets MASTER_PORT"),
    (WHOLE | {"WORLD_SIZE": "two"}, "WORLD_SIZE=two: is no number"),
    (WHOLE | {"RANK": "-1"}, "RANK=-1: is no number"),
    (WHOLE | {"MASTER_PORT": "http"}, "MASTER_PORT=http: is no number"),
    (WHOLE | {"RANK": "2"}, "has another rank"),
    ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"}, "not by MPI; .*unset OMPI_COMM_WORLD_RANK"),
    ({"PMI_SIZE": "2", "PMI_RANK": "0"}, "and not by MPI"),
    ({"PMI_SIZE": "many"}, "PMI_SIZE=many: is no number"),
    (WHOLE | {"OMPI_COMM_WORLD_SIZE": "4"}, "WORLD_SIZE=2 and OMPI_COMM_WORLD_SIZE=4 are of two launches"),
    ({"ACCELERATE_USE_DEEPSPEED": "true"}, "ACCELERATE_USE_DEEPSPEED=true .*parallel=fully_shard"),
    ({"ACCELERATE_USE_FSDP": "TRUE"}, "ACCELERATE_USE_FSDP=TRUE .*parallel=fully_shard"),
    ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "parallel=fully_shard"),
    ({"ACCELERATE_USE_PARALLELISM_CONFIG": "true"}, "parallel=fully_shard"),
    ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "8"}, "batch_size"),
    ({"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"}, "compiles no model"),
]  # fmt: skip


@pytest.mark.parametrize(("environment", "words"), STRAY)
def test_what_a_launcher_left_behind_is_named_with_the_remedy(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(LibraryError, match=words):
        accelerate.check_launch(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        WHOLE,
        {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"},
        {"SLURM_PROCID": "3", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1"},
        {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
        {"ACCELERATE_USE_DEEPSPEED": "false", "ACCELERATE_DYNAMO_BACKEND": "NO", "ACCELERATE_MIXED_PRECISION": "no"},
        {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "1", "ACCELERATE_USE_CPU": "true"},
    ],
)  # fmt: skip
def test_a_whole_launch_or_none_is_let_through(environment: dict[str, str]) -> None:
    accelerate.check_launch(environment)


def test_who_waits_for_other_processes_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(accelerate, "SECONDS_UNSAID", 0.01)
    told = threading.Event()
    monkeypatch.setattr(
        accelerate._log, "warning", lambda *said: (told.set(), shown.append(said[0] % said[1:]))
    )
    shown: list[str] = []

    def never_joined(**_: Any) -> None:
        assert told.wait(30)
        raise RuntimeError("timed out after 1800 s")

    monkeypatch.setattr(accelerate, "Accelerator", never_joined)
    with pytest.raises(
        LibraryError, match=r"cannot be joined .*timed out after 1800 s; for one process: unset RANK"
    ):
        accelerate.join_launch(cpu=True)
    assert "waiting for the other processes of 2 at 127.0.0.1:29500" in shown[0]


def test_a_signal_ends_who_waits_for_other_processes() -> None:
    code = "from rlaif.libraries import accelerate\naccelerate.SECONDS_UNSAID = 0.01\naccelerate.join_launch(cpu=True)"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    waiting = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **WHOLE, "MASTER_PORT": str(port)},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert waiting.stderr is not None
        for line in waiting.stderr:
            if "waiting for the other processes" in line:
                break
        waiting.send_signal(signal.SIGINT)
        said = waiting.communicate(timeout=60)[1]
    finally:
        waiting.kill()
    if waiting.returncode == -signal.SIGINT:  # torch did not wait yet: Python's own handler was first
        assert "KeyboardInterrupt" in said
        return
    assert waiting.returncode == 130
    assert "interrupted while it waited for the other processes" in said


def test_a_device_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = SimpleNamespace(device=torch.device("cuda", 97))
    monkeypatch.setattr(accelerate, "Accelerator", lambda **_: elsewhere)
    with pytest.raises(LibraryError, match=r"cannot be joined .*unset the ACCELERATE_ variables"):
        accelerate.join_launch(cpu=False)


def test_a_precision_of_the_launchers_is_not_used_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    assert accelerate.join_launch(cpu=True).mixed_precision == "no"
    assert "ACCELERATE_MIXED_PRECISION=fp16 is not used" in caplog.text


def test_a_precision_that_another_trainer_of_the_process_has_set_is_named() -> None:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(True)
    try:
        Accelerator(cpu=True, mixed_precision="bf16")
        with pytest.raises(
            LibraryError, match=r"another trainer .*mixed_precision=bf16.*process of its own.*bf16=False"
        ):
            accelerate.join_launch(cpu=True)
    finally:
        AcceleratorState._reset_state(True)
    assert accelerate.join_launch(cpu=True).mixed_precision == "no"


def test_layers_that_peft_does_not_take_are_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    import transformers as t

    shape = dict(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=4)
    model = t.MambaForCausalLM(t.MambaConfig(**shape))
    wrapped = peft.with_lora(model, rank=2, alpha=4, dropout=0.0, classifies=False)
    trained = {
        name.split(".lora_")[0].rpartition(".")[2]
        for name, each in wrapped.named_parameters()
        if each.requires_grad
    }
    assert "in_proj" in trained
    assert not trained & {"out_proj", "conv1d"}
    assert "no adapter on its layers conv1d, out_proj" in caplog.text
    wrapped(input_ids=torch.tensor([[3, 4, 5]])).logits.sum().backward()

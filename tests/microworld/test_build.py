"""The family's build: killed anywhere it goes on to the same weights, and it refuses what is not its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from rlaif.errors import RunError
from rlaif.libraries.torch import multiplies_bfloat16
from rlaif.microworld import build as building
from rlaif.microworld.corpus import SKILLS
from rlaif.microworld.curriculum import STAGES, Stage
from rlaif.microworld.draws import LabelNoise
from rlaif.microworld.packed import collate
from rlaif.microworld.tokenizer import save_tokenizer
from rlaif.microworld.updates import losses, new_model, use_wide_attention
from rlaif.shipped import shipped_model


class Killed(Exception):
    """Stands for a kill."""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A curriculum of five small steps that saves after each, with the real model and tokenizer."""
    stages = (
        Stage(name="language", mix={"respond": 1.0}, reading="plain", min_steps=2, max_steps=2),
        Stage(
            name="pairs", mix={"checklist": 0.5, "compare": 0.5}, reading="plain", min_steps=2, max_steps=2
        ),
        Stage(name="anneal", mix={"checklist": 1.0}, reading="plain"),
    )
    monkeypatch.setattr(building, "STAGES", stages)
    monkeypatch.setattr(building, "ANNEAL_STEPS", 2)
    monkeypatch.setattr(building, "TOKENS_A_STEP", 600)
    monkeypatch.setattr(building, "SAVE_EVERY_S", 0.0)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(shipped_model("micro"))


def begun(out: Path, tokenizer: Any) -> Path:
    """A build whose tokenizer, which takes longest, is there."""
    save_tokenizer(tokenizer, out / "build" / "tokenizer")
    return out


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "micro" / "model.safetensors")


def dies_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The update of `step` is the last thing that happens."""
    update: Callable[..., Any] = building.one_step
    left = [step]

    def one_step(*args: Any) -> Any:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return update(*args)

    monkeypatch.setattr(building, "one_step", one_step)


@pytest.mark.usefixtures("short")
def test_a_build_killed_at_any_step_goes_on_to_the_same_weights(tmp_path: Path, tokenizer: Any) -> None:
    building.build(0, begun(tmp_path / "whole", tokenizer))
    for step in (0, 1, 2, 4):
        out = begun(tmp_path / f"killed-{step}", tokenizer)
        with pytest.MonkeyPatch.context() as patch:
            dies_at(step, patch)
            with pytest.raises(Killed):
                building.build(0, out)
        building.build(0, out)
        whole, resumed = weights(tmp_path / "whole"), weights(out)
        assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.usefixtures("short")
def test_a_build_with_another_seed_or_knob_is_refused(tmp_path: Path, tokenizer: Any) -> None:
    building.build(0, begun(tmp_path, tokenizer))
    with pytest.raises(RunError, match="another seed"):
        building.build(1, tmp_path)
    with pytest.raises(RunError, match="another judge_noise"):
        building.build(0, tmp_path, knobs=LabelNoise(judge_noise=0.1))


@pytest.mark.skipif(
    not multiplies_bfloat16(torch.device("cpu")), reason="no bfloat16 products on this processor"
)
def test_bfloat16_moves_the_loss_by_less_than_a_hundredth(tokenizer: Any) -> None:
    model = new_model(len(tokenizer), 0)
    rows = building.draw_rows(STAGES[-1], 0, 0, 0, tokenizer, LabelNoise())[:6]
    batch = collate(rows, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rlaif.microworld.updates.multiplies_bfloat16", lambda device: False)
        exact = float(losses(model, batch)[0].detach())
    use_wide_attention(model)
    assert float(losses(model, batch)[0].detach()) == pytest.approx(exact, rel=0.01)


def test_rows_of_a_step_depend_on_seed_step_and_process_alone(tokenizer: Any) -> None:
    def drawn(seed: int, step: int, rank: int) -> list[list[int]]:
        return [each.ids for each in building.draw_rows(STAGES[0], seed, step, rank, tokenizer, LabelNoise())]

    assert drawn(0, 3, 0) == drawn(0, 3, 0)
    assert len({str(drawn(*key)) for key in ((0, 3, 0), (1, 3, 0), (0, 4, 0), (0, 3, 1))}) == 4


def test_every_skill_is_trained_in_the_last_stage() -> None:
    assert set(STAGES[-1].mix) == set(SKILLS)
    assert sum(STAGES[-1].mix.values()) == pytest.approx(1.0, abs=0.02)


def test_a_sharpened_export_scales_every_logit_and_changes_no_choice(tmp_path: Path, tokenizer: Any) -> None:
    from rlaif.microworld.progress import export

    model = AutoModelForCausalLM.from_pretrained(shipped_model("micro"), dtype=torch.float32)
    for name, by in (("plain", 1.0), ("sharp", 1.2)):
        export(model, tokenizer, tmp_path / name, sharpen=by)
    ids = torch.tensor([tokenizer("How do I bake bread?").input_ids])
    plain, sharp = (
        AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype=torch.float32)(ids).logits
        for name in ("plain", "sharp")
    )
    # bfloat16 keeps three digits of the factor
    assert torch.allclose(sharp, 1.2 * plain, rtol=0.01, atol=0.05)


CHILD = """
import multiprocessing, os, time
from rlaif.microworld.build import end_with_parent

def work():
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work).start()
    time.sleep(60)
"""


@pytest.mark.timing
def test_a_worker_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline().strip().isdecimal()
    parent.kill()
    # the worker holds the other end of the pipe: it is closed when the worker is no more
    assert parent.communicate(timeout=30)[0] == ""

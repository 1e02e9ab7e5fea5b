"""Model directories with a file changed: opened and asked, or refused as ours; nothing else comes out."""

from __future__ import annotations

import json
import random
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.open import open_engine
from rlaif.errors import RlaifError
from tests.engines.test_fingerprint import adapter
from tests.engines.tiny import draw, question, write_model

from .fuzzing import cases, mutated

pytestmark = pytest.mark.heavy
MAKES = ("llama", "qwen3", "gemma3", "gpt2", "bloom")
WEIRD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 7, 2**31, 10**9, 10**30, 1e400, 0.5, "", "a", "../../x", "\x00", "é" * 50, [], [1], ["a"], {},
    {"a": 1}, [[]], [None], "auto", "cuda", float("nan"),
)  # fmt: skip
WORDS = (b"null", b"[]", b"{}", b'"', b"1e999", b"9" * 30, b"\xff\xfe", b"{{", b"%}", b"\\u0000", b"../x")


def changed_json(held: Any, rng: random.Random) -> Any:
    """The same value with something in it replaced, taken away, doubled or put under another name."""
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        keys = (
            list(value)
            if isinstance(value, dict)
            else list(range(len(value)))
            if isinstance(value, list)
            else []
        )
        for key in keys[:400]:
            places.append((value, key))
            collect(value[key])

    collect(held)
    if not places or rng.random() < 0.03:
        return rng.choice(WEIRD)
    for _ in range(rng.randint(1, 2)):
        container, key = rng.choice(places)
        try:
            match rng.randrange(5):
                case 0:
                    del container[key]
                case 1 if isinstance(container, dict):
                    container[f"{key}x"] = container.pop(key)
                case 2 if isinstance(container, list):
                    container.append(container[key])
                case _:
                    container[key] = rng.choice(WEIRD)
        except (KeyError, IndexError):
            continue
    return held


def changed_weights(raw: bytes, rng: random.Random) -> bytes:
    length = struct.unpack("<Q", raw[:8])[0]
    match rng.randrange(5):
        case 0:
            return struct.pack("<Q", rng.choice([2**63, 2**40, 0, 1, length + 1, length - 1])) + raw[8:]
        case 1:
            header = json.dumps(changed_json(json.loads(raw[8 : 8 + length]), rng)).encode()
            return struct.pack("<Q", len(header)) + header + raw[8 + length :]
        case 2:
            return raw[: rng.randrange(len(raw))]
        case 3:
            return mutated(raw[: 8 + length], rng, WORDS) + raw[8 + length :]
        case _:
            return mutated(raw, rng)


def change(folder: Path, rng: random.Random) -> str:
    path = rng.choice(sorted(each for each in folder.iterdir() if each.is_file()))
    raw = path.read_bytes()
    if path.suffix == ".safetensors":
        path.write_bytes(changed_weights(raw, rng))
    elif path.suffix == ".json" and rng.random() < 0.75:
        path.write_text(json.dumps(changed_json(json.loads(raw), rng)))
    else:
        path.write_bytes(mutated(raw, rng, WORDS))
    return path.name


@pytest.fixture(scope="module")
def makes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    top = tmp_path_factory.mktemp("makes")
    found = [write_model(top / make, make) for make in MAKES]
    return [*found, adapter(top / "adapter", found[0])]


def use(folder: Path) -> None:
    model_fingerprint(folder)
    engine = open_engine(f"hf:{folder}", device="cpu")
    list(engine.generate([draw("hi", temperature=1.0, max_tokens=2)]))
    list(engine.score([question("hi", "yes", "no")]))
    engine.close()  # type: ignore[attr-defined]


def finding(number: int, rng: random.Random, makes: list[Path], folder: Path) -> str:
    """What came out that is not ours; empty where all is well."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(rng.choice(makes), folder)
    name = change(folder, rng)
    try:
        use(folder)
    except RlaifError:
        return ""
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        return f"case {number}: {name} changed: {type(problem).__name__}: {str(problem)[:300]}"
    return ""


def test_a_changed_model_directory_is_used_or_refused_as_ours(makes: list[Path], tmp_path: Path) -> None:
    for number, rng in cases():
        assert not finding(number, rng, makes, tmp_path / "m")

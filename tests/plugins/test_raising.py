"""Code of a package that raises is named in one sentence: kind, name, package, exception and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.package import Package, command

MODULE = """
from dataclasses import dataclass
from rlaif.exchange.format import Format, PairFormat, each_row, has
from rlaif.judging.protocols import Pointwise
from rlaif.judging.registered import make_judge
from rlaif.training import SFTConfig
from rlaif.workflows.recipe.step import Step
from rlaif.workflows.training.method import Method
from rlaif.workflows.training.options import MethodOptions

def fails(*_, **__):
    raise KeyError("nowhere")

class Object:
    name, fingerprint = "wreck", "f"
    checklist = compare = fails

@dataclass(frozen=True)
class Settings:
    pass

PROTOCOL = Pointwise(name="wreck", says="", ask=fails)
JUDGE = make_judge("wreck", lambda prompt, a, b: fails(), version="1")
OBJECT = make_judge("wreck-object", Object())
PAIRS = PairFormat(shape="", recognises=has(["good"]), read=each_row(fails), write=fails)
FORMAT = Format(name="wreck", help="", pairs=PAIRS)
STEP = Step(name="wreck", help="", settings=Settings, needs=(), makes="completions", make=fails, forecast=fails)
METHOD = Method(name="wreck", help="", options=MethodOptions, run=fails)
"""
POINTS = {
    "rlaif.protocols": {"wreck": "wreck:PROTOCOL"},
    "rlaif.judges": {"wreck": "wreck:JUDGE", "wreck-object": "wreck:OBJECT"},
    "rlaif.formats": {"wreck": "wreck:FORMAT"},
    "rlaif.steps": {"wreck": "wreck:STEP"},
    "rlaif.methods": {"wreck": "wreck:METHOD"},
}
ROWS = '{"prompt": "What is 3 plus 2?", "completions": ["It is 5.", "Five.", "It is five, I say."]}\n'
PAIRS = '{"prompt": "Hi?", "chosen": "Yes.", "rejected": "No."}\n' * 4
JUDGE = "rlaif judge rows.jsonl --constitution micro-default --out out --no-critique --judge"


@pytest.fixture
def wreck(tmp_path: Path) -> Package:
    """A package whose things load, and raise as soon as they are called."""
    package = Package(name="acme-wreck", site=tmp_path / "site")
    package.write({"wreck.py": MODULE}, POINTS)
    (tmp_path / "rows.jsonl").write_text(ROWS)
    (tmp_path / "pairs.jsonl").write_text(PAIRS)
    (tmp_path / "good.jsonl").write_text('{"good": "a"}\n')
    (tmp_path / "recipe.yaml").write_text(
        "name: r\nmodels: {policy: micro, judge: 'random:'}\nconstitution: micro-default\n"
        "prompts: {train: micro:train}\nrounds: 1\nround:\n  - {step: wreck}\n"
    )
    return package


@pytest.mark.parametrize(
    ("wanted", "whose"),
    [
        (f"{JUDGE} random: --protocol wreck", "protocol 'wreck' of acme-wreck"),
        (f"{JUDGE} wreck-object", "judge 'wreck' (wreck.Object)"),
        ("rlaif import good.jsonl --format wreck --out out", "format 'wreck' of acme-wreck"),
        ("rlaif run recipe.yaml --out out", "step 'wreck' of acme-wreck"),
        ("rlaif run recipe.yaml --dry-run --out out", "step 'wreck' of acme-wreck"),
        ("rlaif train wreck pairs.jsonl --policy micro --out out", "train method 'wreck' of acme-wreck"),
    ],
)
def test_what_it_raises_is_one_sentence_with_its_name(
    wanted: str, whose: str, wreck: Package, tmp_path: Path
) -> None:
    done = command(wanted, tmp_path, wreck)
    assert done.returncode == 1
    assert f"error: {whose} raised KeyError: 'nowhere' (" in done.stderr
    assert "wreck.py:12, in fails)" in done.stderr
    assert "Traceback" not in done.stderr
    assert ("at good.jsonl" in done.stderr) == ("import" in wanted)


def test_a_judge_function_that_raises_makes_unreadable_judgments_with_the_reason(
    wreck: Package, tmp_path: Path
) -> None:
    done = command(f"{JUDGE} wreck", tmp_path, wreck)
    assert done.returncode == 3
    assert (
        "(unreadable), most often with: raised KeyError: 'nowhere'; mend the judge's function" in done.stderr
    )
    assert "(--min-pair-share): unreadable 1. all" in done.stderr

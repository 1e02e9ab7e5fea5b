"""A new protocol is one file: nothing else has to name it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.judging import protocols as package
from rlaif.judging.protocols import Pointwise, protocols
from rlaif.workflows.generate.judge_step import split

ROOT = Path(__file__).parents[3]
NEW = '''\
"""`shout`: the louder answer wins."""

from rlaif.judging.protocols.kinds import Pointwise, model


def ask(judge, items, principles, how):
    return model(judge, "shout").checklist(items, principles)


PROTOCOL = Pointwise(name="shout", says="the louder answer", ask=ask, templates=("checklist",))
'''


@pytest.fixture
def shout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more file in the folder of protocols."""
    folder = tmp_path / "protocols"
    folder.mkdir()
    (folder / "shout.py").write_text(NEW)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    monkeypatch.setattr(package.PROTOCOLS, "_own", {})
    yield
    sys.modules.pop("rlaif.judging.protocols.shout", None)


@pytest.mark.usefixtures("shout")
def test_a_file_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert split("shout") == ("shout", "none")
    (tmp_path / "gold.jsonl").write_text(
        json.dumps({"input": "hi", "output_1": "LOUD", "output_2": "soft", "label": 1}) + "\n"
    )
    rows = [
        {"contains": ["LOUD"], "labels": {"yes": 0.9, "no": 0.1}},
        {"contains": [], "labels": {"yes": 0.1, "no": 0.9}},
    ]
    (tmp_path / "judge.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["judge", "check", "gold.jsonl", "--judge", "script:judge.jsonl", "--protocol", "shout", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["accuracy"]["value"] == 1.0
    assert main([*words[:-1], "--show-prompt"]) == 0
    assert capsys.readouterr().out.startswith("--- shout ---")


def test_without_the_file_there_is_none() -> None:
    assert "shout" not in protocols()
    assert isinstance(protocols()["score"], Pointwise)

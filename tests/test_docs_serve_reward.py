"""The page about the reward server runs as it stands, against a server, and prints what it says."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import rlaif
from tests.pages import blocks, run_python
from tests.workflows.reward.serving import desk_of, serving

PAGE = Path(__file__).parents[1] / "docs" / "serve-reward.md"
SAID = "http://127.0.0.1:8088"
pytestmark = pytest.mark.timing


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    with (
        rlaif.reward(judge="micro", constitution="micro-default") as score,
        serving(desk_of(score.rewards)) as found,
    ):
        yield found


def test_the_page_runs_and_prints_what_it_says(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    swift = ModuleType("swift.rewards")  # stands for ms-swift, of which the page needs a dictionary
    swift.orms = {}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "swift", ModuleType("swift"))
    monkeypatch.setitem(sys.modules, "swift.rewards", swift)
    found = blocks(PAGE)
    assert Counter(each.language for each in found)["python"] > 6
    run_python(PAGE, [each._replace(text=each.text.replace(SAID, address)) for each in found], {})
    turns = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    [reward] = swift.orms["judge"](args=None)(completions=["Hello."], messages=[turns])
    assert isinstance(reward, float)

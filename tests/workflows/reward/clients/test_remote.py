"""Clients wait for a busy server, say what went wrong without a text, and need the standard library alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rlaif.workflows.reward.clients import remote
from rlaif.workflows.reward.clients.remote import RewardServer, RewardServerError
from rlaif.workflows.reward.clients.trl import TrlReward
from tests.ports import closed_port
from tests.workflows.reward.serve.test_app import Asking, rows
from tests.workflows.reward.serving import Held, desk_of, serving, until

FOLDER = Path(remote.__file__).parent
pytestmark = pytest.mark.timing


def test_a_busy_server_is_asked_again_when_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    held, pauses = Held(), list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        held.go.set()
        until(lambda: desk.under_way == 0)

    desk = desk_of(held, max_requests=1)
    monkeypatch.setattr(remote, "sleep", pause)
    with serving(desk) as address:
        first = Asking(address, rows("a"))
        assert held.asked.wait(300)
        assert TrlReward(address)(["hi"], ["bb"]) == [2.0]
        assert first.answer.json() == {"rewards": [1.0]}
    assert pauses == [1.0]


def test_a_server_that_is_not_there_is_an_error_after_some_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(remote, "sleep", pauses.append)
    with closed_port() as port, pytest.raises(RewardServerError, match="refused"):
        RewardServer(f"http://127.0.0.1:{port}", tries=4).ask("trl", {})
    assert pauses == [0.5, 1.0, 2.0]


def test_what_the_server_refuses_is_said_and_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "sleep", lambda _: pytest.fail("asked again"))
    with serving(desk_of()) as address:
        with pytest.raises(RewardServerError, match="status 422: `prompts` must be a list"):
            RewardServer(address).ask("trl", {})
        with pytest.raises(RewardServerError, match="status 404: no such address"):
            RewardServer(f"{address}/").ask("grpo", {})


def test_the_token_is_read_from_the_variable_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"prompts": ["hi"], "completions": ["aa"]}
    with serving(desk_of(token="a-long-token-of-this-test")) as address:
        monkeypatch.setenv("MY_REWARD_TOKEN", "a-long-token-of-this-test")
        assert TrlReward(address, token_env="MY_REWARD_TOKEN")(**asked) == [2.0]
        with pytest.raises(RewardServerError, match="status 401"):
            TrlReward(address)(**asked)
        monkeypatch.delenv("MY_REWARD_TOKEN")
        with pytest.raises(RewardServerError, match="MY_REWARD_TOKEN"):
            TrlReward(address, token_env="MY_REWARD_TOKEN")(**asked)


def test_the_folder_of_clients_works_anywhere_and_needs_nothing_else(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "reward_clients", ignore=shutil.ignore_patterns("__pycache__"))
    names = sorted(each.stem for each in FOLDER.glob("*.py") if each.stem != "__init__")
    code = (
        "import sys\n"
        + "".join(f"import reward_clients.{name}\n" for name in names)
        + "loaded = {each.partition('.')[0] for each in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(each for each in loaded if not each.startswith('_')))"
    )
    # without site, no installed package can be found at all
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "['reward_clients']"

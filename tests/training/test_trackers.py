"""Each tracker by name, offline: the figures are in its own files. One that is missing is refused before anything."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlaif.errors import InputError, RecipeError, RlaifError
from rlaif.training import SFTConfig, trackers, train_sft
from rlaif.training.trackers import Trackers, check_trackers

from .builders import make_examples
from .conftest import MakeDirectory

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timing
FIGURES = {"loss": 0.5, "loss/preference": 0.75, "rewards/margins": 0.25}


def write(name: str, out: Path) -> None:
    out.mkdir(exist_ok=True)
    opened = Trackers([name], out, {"seed": 3, "replay": {"judge": 0.2}}, "b2:0123456789abcdef0123")
    for step in (1, 2):
        opened.write(step, {key: value * step for key, value in FIGURES.items()})
    opened.close()


BY_ITSELF = """
import sys
from pathlib import Path
from rlaif.libraries.quiet import quiet
with quiet():
    from accelerate import PartialState
    from tests.training.test_trackers import write
    PartialState(cpu=True)
    write(sys.argv[1], Path(sys.argv[2]))
"""


def by_itself(name: str, out: Path, **more: str) -> None:
    """What `write` does, in a process of its own, which says nothing: neither on the way nor when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", BY_ITSELF, name, str(out)],
        env=os.environ | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    # stdout is for results
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture(autouse=True)
def _one_process() -> None:
    # what accelerate's trackers ask whether they are to speak
    from accelerate import PartialState

    PartialState(cpu=True)


def test_wandb_offline_gets_every_figure(tmp_path: Path) -> None:
    """In a process of its own: which mode it is in is settled for good when it is first used."""
    pytest.importorskip("wandb")
    by_itself("wandb", tmp_path / "out", WANDB_MODE="offline", WANDB_SILENT="true")
    (run,) = (tmp_path / "out" / "wandb").glob("offline-run-*-456789abcdef0123")
    (log,) = run.glob("run-*.wandb")
    deadline = time.monotonic() + 300  # another process writes it, in its own time
    while b"rewards/margins" not in log.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert b"rewards/margins" in log.read_bytes()
    assert b"seed" in log.read_bytes()


def test_wandb_says_nothing_where_the_home_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rlaif.libraries import accelerate

    monkeypatch.delenv("WANDB_CACHE_DIR", raising=False)
    seen: list[str | None] = []

    class Tracker:
        def store_init_configuration(self, values: object) -> None:
            seen.append(os.environ.get("WANDB_CACHE_DIR"))

    monkeypatch.setattr(trackers, "_writable", lambda folder: folder == tmp_path)
    monkeypatch.setattr(accelerate, "start_tracker", lambda *_, **__: Tracker())
    for home in ("/proc/nowhere", str(tmp_path)):
        monkeypatch.setenv("XDG_CACHE_HOME", home)
        Trackers(["wandb"], tmp_path / "out", {}, "b2:0123456789abcdef")
        monkeypatch.delenv("WANDB_CACHE_DIR", raising=False)
    assert seen == [str(tmp_path / "out" / "wandb" / "cache"), None]


def test_mlflow_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    write("mlflow", tmp_path / "out")
    client = mlflow.MlflowClient((tmp_path / "runs").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'rlaif'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "out"
    assert run.data.params["seed"] == "3"
    history = client.get_metric_history(run.info.run_id, "rewards/margins")
    assert [(each.step, each.value) for each in history] == [(1, 0.25), (2, 0.5)]
    # `loss/preference` as it is would lie in the file `loss`
    history = client.get_metric_history(run.info.run_id, "loss.preference")
    assert [(each.step, each.value) for each in history] == [(1, 0.75), (2, 1.5)]


def test_trackio_on_this_machine(tmp_path: Path) -> None:
    """In a process of its own: where it writes is settled for good when it is loaded."""
    pytest.importorskip("trackio")
    by_itself("trackio", tmp_path / "out", TRACKIO_DIR=str(tmp_path / "board"))
    found = []
    for path in Path(tmp_path / "board").rglob("*.db"):
        with sqlite3.connect(path) as base:
            found += base.execute("select step, metrics from metrics order by step").fetchall()
    assert [(step, json.loads(metrics)["loss"]) for step, metrics in found] == [(1, 0.5), (2, 1.0)]


def test_one_that_is_not_installed_is_refused_first(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    config = SFTConfig(steps=1, trackers=("tensorboard", "wandb"))
    with pytest.raises(InputError, match="wandb is not installed here; `pip install wandb`"):
        train_sft(config, make_examples(2), policy=model_dir(), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    check_trackers(["tensorboard"])


def test_one_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, WandBTracker

    class Closed(WandBTracker):  # type: ignore[misc]
        def start(self) -> None:
            raise ConnectionError("no such host")

    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "wandb", Closed)
    with pytest.raises(InputError, match="wandb cannot be started: no such host"):
        Trackers(["wandb"], tmp_path, {}, "b2:0123456789abcdef")


def test_one_that_cannot_start_leaves_none_of_the_others_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    done = []

    class Tracker:
        def __init__(self, project: str, **options: object) -> None:
            self.closed = "run_name" in options  # as mlflow is made

        def start(self) -> None:
            if self.closed:
                raise ConnectionError("no such host")

        def store_init_configuration(self, values: object) -> None:
            pass

        def finish(self) -> None:
            done.append(self)

    for name in ("wandb", "mlflow"):
        monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, name, Tracker)
    with pytest.raises(InputError, match="mlflow cannot be started: no such host"):
        Trackers(["wandb", "mlflow"], tmp_path, {}, "b2:0123456789abcdef")
    assert len(done) == 1


@pytest.mark.parametrize("breaks", ["log", "finish"])
def test_one_that_breaks_on_the_way_is_told_as_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], breaks: str
) -> None:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    class Tracker:
        def __init__(self, project: str, **options: object) -> None:
            print("a banner")  # noqa: T201

        def start(self) -> None:
            print("another banner", file=sys.stderr)  # noqa: T201

        def store_init_configuration(self, values: object) -> None:
            pass

        def log(self, figures: object, step: int) -> None:
            if breaks == "log":
                raise ConnectionError("the line is dead")

        def finish(self) -> None:
            if breaks == "finish":
                raise ConnectionError("the line is dead")

    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "wandb", Tracker)
    with pytest.raises(
        RlaifError, match=r"trackers: wandb .*: the line is dead; metrics.jsonl has every figure"
    ):
        write("wandb", tmp_path / "out")
    assert capfd.readouterr() == ("", "")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="must be among tensorboard, wandb, mlflow, trackio, not wanb"):
        SFTConfig(trackers=("wanb",))


def test_without_tensorboard_no_events_are_written(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = SFTConfig(steps=1, batch_size=2, learning_rate=1e-3, trackers=())
    train_sft(config, make_examples(2), policy=model_dir(), out=tmp_path / "out")
    assert (tmp_path / "out" / "metrics.jsonl").is_file()
    assert not (tmp_path / "out" / "tensorboard").exists()


def test_a_tracker_hears_every_step_of_a_run(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    heard = []
    monkeypatch.setattr(Trackers, "write", lambda self, step, figures: heard.append((step, sorted(figures))))
    config = SFTConfig(steps=2, batch_size=2, learning_rate=1e-3, trackers=("wandb",))
    train_sft(config, make_examples(4), policy=model_dir(), out=tmp_path / "out")
    assert [step for step, _ in heard] == [1, 2]
    assert {"loss", "shared_ratio", "grad_norm"} <= set(heard[0][1])

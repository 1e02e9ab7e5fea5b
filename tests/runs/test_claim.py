"""A run directory belongs to one configuration and one process at a time, and says where it stands."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import DiskError, InputError, RunError
from rlaif.runs.claim import claim, read_run, refuse_others, status, versions

pytestmark = pytest.mark.timing
CONFIG: dict[str, Any] = {"judge": "micro", "sampling": {"n": 4, "stop": ["a"]}, "tags": ("x",)}
HOLD = """
import sys
from pathlib import Path
from rlaif.runs.claim import claim
with claim(Path(sys.argv[1]), {"judge": "micro"}, command="generate"):
    print("held", flush=True)
    sys.stdin.read()
"""


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_a_new_directory_is_claimed_and_resumed(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"
    with claim(out, CONFIG, command="generate") as first:
        assert not first.resumed
    with claim(out, CONFIG, command="generate") as again:
        assert (again.resumed, again.finished) == (True, False)
        assert again.id == first.id


def test_an_empty_directory_is_as_good_as_a_new_one(tmp_path: Path) -> None:
    with claim(tmp_path, CONFIG, command="generate") as run:
        assert run.dir == tmp_path


def test_run_json_comes_last_and_holds_everything(tmp_path: Path) -> None:
    with claim(tmp_path, CONFIG, command="generate") as run:
        assert not (tmp_path / "run.json").exists()
        run.finish({"pairs": 3})
    found = read_run(tmp_path)
    assert found["config"] == {"judge": "micro", "sampling": {"n": 4, "stop": ["a"]}, "tags": ["x"]}
    assert (found["command"], found["status"], found["summary"]) == ("generate", "done", {"pairs": 3})
    assert found["versions"]["rlaif"] == versions()["rlaif"]
    with claim(tmp_path, CONFIG, command="generate") as again:
        assert again.finished


def test_another_configuration_is_refused_naming_each_differing_key(tmp_path: Path) -> None:
    with claim(tmp_path, CONFIG, command="generate"):
        pass
    before = files(tmp_path)
    other = {"judge": "gold:micro", "sampling": {"n": 4, "stop": ["a", "b"]}, "seed": 1}
    with pytest.raises(RunError) as caught:
        claim(tmp_path, other, command="generate")
    said = str(caught.value)
    for each in (
        'judge: "micro" there, "gold:micro" asked',
        'sampling.stop.1: (absent) there, "b" asked',
        'tags.0: "x" there, (absent) asked',
        "seed: (absent) there, 1 asked",
        "--out",
    ):
        assert each in said
    assert "sampling.n" not in said
    assert files(tmp_path) == before


def test_another_command_is_refused(tmp_path: Path) -> None:
    with claim(tmp_path, CONFIG, command="generate"):
        pass
    with pytest.raises(RunError, match="belongs to `rlaif generate`, not judge"):
        claim(tmp_path, CONFIG, command="judge")


@pytest.mark.parametrize("name", ["notes.txt", "run.json", ".git"])
def test_a_directory_that_is_not_ours_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    before = files(tmp_path)
    with pytest.raises(RunError, match=f"no run of ours .it holds {name}.; choose an empty or new --out"):
        claim(tmp_path, CONFIG, command="generate")
    assert files(tmp_path) == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "other"}', "{"])
def test_a_claim_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "claim.json").write_text(text)
    with pytest.raises(RunError, match="choose another --out"):
        claim(tmp_path, CONFIG, command="generate")


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        claim(tmp_path / "out", CONFIG, command="generate")
    with pytest.raises(RunError, match="--out"):
        claim(tmp_path / "out" / "below", CONFIG, command="generate")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot be written"):
        claim(tmp_path / "run", CONFIG, command="generate")


def test_a_read_only_file_system_is_one_message() -> None:
    with pytest.raises(RunError, match="choose another --out"):
        claim(Path("/proc/nothing/run"), CONFIG, command="generate")


def test_a_second_claim_in_one_process_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    with claim(tmp_path, CONFIG, command="generate") as run:
        with pytest.raises(RunError, match=f"process {os.getpid()} is working on this run"):
            claim(tmp_path, CONFIG, command="generate")
        run.finish({})
    claim(tmp_path, CONFIG, command="generate").__exit__()


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    out = tmp_path / "run"
    pipe = subprocess.PIPE
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdin=pipe, stdout=pipe, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"process {holder.pid} is working on this run"):
            claim(out, {"judge": "micro"}, command="generate")
        assert status(out)["status"] == "running"
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert status(out)["status"] == "interrupted"
    with claim(out, {"judge": "micro"}, command="generate") as run:
        assert run.resumed


def test_what_a_kill_leaves_before_the_claim_does_not_block_the_next(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("4711")
    (tmp_path / ".claim.json.4711.draft").write_text('{"ki')
    with claim(tmp_path, CONFIG, command="generate") as run:
        assert not run.resumed
    assert sorted(files(tmp_path)) == ["claim.json", "run.lock"]


def test_a_failing_command_gives_the_directory_back(tmp_path: Path) -> None:
    with pytest.raises(KeyError), claim(tmp_path, CONFIG, command="generate"):
        raise KeyError
    with claim(tmp_path, CONFIG, command="generate") as run:
        assert run.resumed


def test_bad_input_found_after_the_claim_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(InputError), claim(tmp_path / name, CONFIG, command="generate"):
            raise InputError("the store cannot be opened")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert files(tmp_path / "empty") == {}


def fail_after_work(folder: Path) -> None:
    (folder / "pairs.jsonl").write_text("work")
    raise InputError("late")


def test_bad_input_takes_nothing_from_a_run_that_has_begun(tmp_path: Path) -> None:
    with pytest.raises(InputError), claim(tmp_path, CONFIG, command="generate"):
        fail_after_work(tmp_path)
    with pytest.raises(InputError), claim(tmp_path, CONFIG, command="generate"):
        raise InputError("again")
    assert sorted(files(tmp_path)) == ["claim.json", "pairs.jsonl", "run.lock"]


def test_status_tells_progress_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count(1_000.0)
    monkeypatch.setattr("rlaif.runs.claim.time.time", lambda: next(ticks))
    with claim(tmp_path, CONFIG, command="run") as run:
        run.progress(round=2, of=3, step="judge", done=10)
        assert status(tmp_path)["progress"]["step"] == "judge"
        run.finish({"rounds": 3}, status="stopped")
    said = status(tmp_path)
    assert (said["command"], said["status"], said["summary"]) == ("run", "stopped", {"rounds": 3})
    assert 1_000.0 <= said["started"] < said["progress"]["at"] < said["finished"] < next(ticks)


def test_a_directory_without_a_run_is_said_to_be_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RunError, match="is no run directory"):
            read_run(folder)


def test_equal_configurations_are_equal_in_any_order(tmp_path: Path) -> None:
    with claim(tmp_path, {"a": 1, "b": {"c": 2, "d": 3}}, command="generate"):
        pass
    with claim(tmp_path, {"b": {"d": 3, "c": 2}, "a": 1}, command="generate") as run:
        assert run.resumed
    assert json.loads((tmp_path / "claim.json").read_text())["kind"] == "rlaif run"


def test_a_run_that_was_removed_while_it_worked_is_not_finished(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with claim(out, {"a": 1}, command="generate") as run:
        shutil.rmtree(out)
        with pytest.raises(DiskError, match="was removed or replaced while this command wrote in it"):
            run.finish({})
    assert not out.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_wrong_directory(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(DiskError) as caught:
        claim(tmp_path / "run", {}, command="generate")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("text", ["[]", "5", "{", '{"kind": "rlaif run"}', "[" * 100_000])
def test_a_broken_claim_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "claim.json").write_text(text)
    with pytest.raises(RunError) as caught:
        claim(tmp_path, {"a": 1}, command="generate")
    assert "\n" not in str(caught.value)


def test_a_directory_of_something_else_is_refused_before_anything_is_claimed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    claim(out, {"a": 1}, command="generate").__exit__()
    before = sorted(each.name for each in out.iterdir())
    with pytest.raises(RunError, match="a: 1 there, 2 asked"):
        refuse_others(out, {"a": 2}, command="generate")
    refuse_others(out, {"a": 1}, command="generate")
    refuse_others(tmp_path / "new", {"a": 2}, command="generate")
    assert sorted(each.name for each in out.iterdir()) == before
    assert not (tmp_path / "new").exists()

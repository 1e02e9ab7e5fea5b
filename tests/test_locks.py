"""The locks under requirements/ are what pyproject.toml wants, what is installed, and what the Makefile installs."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("pip", "dev", "user", "vllm", "vllm-gpu", "bench", "gguf")
UNLOCKED = pytest.mark.skipif(
    bool(os.environ.get("RLAIF_UNLOCKED")), reason="tries other versions than the lock's on purpose"
)


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))


def pins() -> Any:
    return import_module("pins")


def lock(name: str) -> Any:
    return next(each for each in import_module("lock").LOCKS if each.name == name)


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def project() -> Any:
    return pins().read_project(ROOT)


def planned(target: str, *variables: str) -> str:
    """What `make` would run if nothing had been made yet."""
    done = subprocess.run(
        ["make", "--always-make", "--dry-run", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_every_lock_is_there_and_no_other() -> None:
    assert {path.stem for path in (ROOT / "requirements").glob("*.txt")} == set(NAMES)
    assert {each.name for each in import_module("lock").LOCKS} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_pins_all_that_is_wanted_and_nothing_else(name: str) -> None:
    found = pins().disagreements(lock(name).roots(project()), pins().read_lock(text(name)))
    assert found == [], "run `make lock`"


@pytest.mark.parametrize("name", NAMES)
def test_no_lock_names_an_index_a_folder_or_a_build_of_a_wheel(name: str) -> None:
    lines = [line for line in text(name).splitlines() if not line.startswith("#")]
    assert not [line for line in lines if line.startswith("-") or "/" in line or "+" in line or "@" in line]


def test_the_lock_of_development_holds_that_of_users() -> None:
    assert pins().missing_from(pins().read_lock(text("user")), pins().read_lock(text("dev"))) == []


@pytest.mark.parametrize("name", ["dev", "vllm-gpu"])
def test_every_range_ends_at_the_newest_tested_minor(name: str) -> None:
    extras = lock(name).extras if name == "dev" else ()
    wanted = pins().wanted(project(), *extras) if name == "dev" else pins().of_extra(project(), "vllm")
    assert pins().open_ranges(wanted, pins().read_lock(text(name))) == []


def test_every_extra_of_users_is_tested() -> None:
    extras = set(project()["project"]["optional-dependencies"]) - {"dev", "vllm"}
    named = Requirement(project()["project"]["optional-dependencies"]["dev"][0])
    assert named.name == "rlaif"
    assert named.extras == extras


@UNLOCKED
@pytest.mark.parametrize("name", ["user", "dev"])
def test_a_lock_is_closed_by_what_the_installed_packages_say_they_want(name: str) -> None:
    held = {pin.name: pin for pin in pins().read_lock(text(name))}
    hardware = import_module("lock").ACCELERATORS

    def needs(package: str) -> list[Requirement]:
        wanted = [Requirement(line) for line in metadata.requires(package) or []]
        return [each for each in wanted if package != "torch" or not each.name.startswith(hardware)]

    via = pins().wants(lock(name).roots(project()), needs)
    assert {package: pin.via for package, pin in held.items()} == via


@UNLOCKED
def test_what_is_installed_is_what_is_locked() -> None:
    installed = {each.name: each.version for each in metadata.distributions()}
    accelerators = import_module("lock").ACCELERATORS
    installed = {name: held for name, held in installed.items() if not name.startswith(accelerators)}
    locked = [*pins().read_lock(text("dev")), *pins().read_lock(text("pip"))]
    assert pins().differences(installed, locked) == [], "run `make test`; further packages go by `make clean`"


@pytest.mark.parametrize(
    ("target", "name", "variables"),
    [
        ("demo", "user", ()), ("test", "dev", ()), ("test-heavy", "dev", ()), ("check", "dev", ()),
        ("vllm", "vllm", ("VLLM_LOCK=vllm",)), ("vllm", "vllm-gpu", ("VLLM_LOCK=vllm-gpu",)),
        ("bench-env", "bench", ()), (".venv-gguf/.made", "gguf", ()),
    ],
)  # fmt: skip
def test_a_target_installs_from_its_lock_and_nothing_beside_it(
    target: str, name: str, variables: tuple[str, ...]
) -> None:
    plan = planned(target, *variables)
    assert f"-r requirements/{name}.txt" in plan
    assert "-r requirements/pip.txt" in plan
    lines = plan.replace("\\\n", " ").replace(";", "\n").replace("&&", "\n").splitlines()
    installs = [line for line in lines if "pip " in line and " install " in line]
    assert installs
    for line in installs:
        assert "-r requirements/" in line or "--no-deps --no-build-isolation -e ." in line, line


def test_an_environment_is_rebuilt_when_its_lock_changes() -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    for stamp in (".venv/.made", "$(VLLM)/.made", "$(BENCH)/.made", ".venv-gguf/.made"):
        (line,) = [each for each in rules.splitlines() if each.startswith(f"{stamp}:")]
        assert "$(LOCKS)/pip.txt" in line
        assert line.count(".txt") > 1


def test_what_is_tested_is_what_is_declared() -> None:
    assert project()["project"]["requires-python"] == ">=3.11,<3.12"
    assert sys.version_info[:2] == (3, 11)
    assert "(3, 11)" in planned("test")


def test_no_gate_runs_what_asks_for_newer_versions() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert not [target for target in ("canary", "test-matrix", "make lock") if target in gate]

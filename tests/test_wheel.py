"""A wheel, installed elsewhere, brings along all that a user needs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    return next(folder.glob("rlaif-*.whl"))


def test_everything_that_ships_is_inside(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("constitutions", "prompts", "pipelines"):
        files = [path for path in (ROOT / kind).rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if f"rlaif/_shipped/{path.relative_to(ROOT)}" not in inside]
    models = (ROOT / "rlaif" / "microworld" / "checkpoints").rglob("*.safetensors")
    assert not [path for path in models if str(path.relative_to(ROOT)) not in inside]
    pages = [path for path in (ROOT / "rlaif" / "review" / "pages").iterdir() if path.is_file()]
    assert len(pages) > 20
    assert {*(str(path.relative_to(ROOT)) for path in pages), "rlaif/py.typed"} <= inside


def test_an_installed_wheel_works_in_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True,
    )
    code = (
        "import sys, rlaif; assert rlaif.__file__.startswith(sys.argv[1]); from rlaif.cli.main import main; "
    )
    code += "sys.exit(main(sys.argv[2:]))"
    env = os.environ | {"PYTHONPATH": str(site)}
    for call in (
        ["constitution", "check", "micro-default"],
        ["init", "project"],
        ["run", "self-rewarding", "--out", "runs/r", "--dry-run"],
        ["run", "smoke", "--out", "runs/r"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, str(site), *call],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

"""CONTRIBUTING's table of parts: each example of docs/plugins.md, put where the table says, is one of ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import blocks
from tests.plugins.package import PAGE, entry_points

ROOT = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| ([a-z ]+) \| \[(.+?)\]\(docs/plugins\.md#.+?\) \| `rlaif/(\S+)` \| `(\w+)` \|$",
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
    flags=re.M,
)
REGISTRIES = {
    "protocol": "rlaif.judging.protocols:PROTOCOLS",
    "judge": "rlaif.judging.kinds:JUDGES",
    "model kind": "rlaif.engines.kinds:ENGINES",
    "train method": "rlaif.workflows.training.methods:METHODS",
    "recipe step": "rlaif.workflows.recipe.registry:STEPS",
    "file format": "rlaif.exchange.format:FORMATS",
}
FOUND = """\
import importlib, json, sys
package, folder, home = sys.argv[1:]
importlib.import_module(package).__path__.append(folder)
module, _, name = home.partition(":")
registry = getattr(importlib.import_module(module), name)
print(json.dumps([registry.names(), registry.from_outside()]))
"""
"""As if the folder's files lay in the package itself."""


def test_every_registry_with_files_of_ours_has_a_row() -> None:
    assert [part for part, *_ in ROWS] == list(REGISTRIES)


@pytest.mark.parametrize(("part", "section", "place", "attribute"), ROWS, ids=[row[0] for row in ROWS])
def test_a_file_in_its_place_is_a_part_of_ours(
    part: str, section: str, place: str, attribute: str, tmp_path: Path
) -> None:
    example, *_ = [each for each in blocks(PAGE, section) if each.file and each.file.startswith("acme/")]
    (name, value), *_ = [
        item for points in entry_points(blocks(PAGE, section)).values() for item in points.items()
    ]
    assert value.endswith(f":{attribute}")
    path = tmp_path / place.replace("NAME", "newcomer")
    path.parent.mkdir(parents=True)
    path.write_text(example.text)
    folder = tmp_path / place.partition("/NAME")[0]
    if path.parent != folder:
        (path.parent / "__init__.py").touch()
    package = f"rlaif.{place.partition('/NAME')[0].replace('/', '.')}"
    done = subprocess.run(
        [sys.executable, "-c", FOUND, package, str(folder), REGISTRIES[part]], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names, outside = json.loads(done.stdout)
    assert name in names
    assert name not in outside

"""The ground floor loads nothing heavy: a typo in a recipe is told before torch could be imported."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
import rlaif.constitution, rlaif.workflows.recipe.recipes, rlaif.runs.claim, rlaif.store, rlaif.templates
import rlaif.exchange.prompts, rlaif.exchange.pairs, rlaif.exchange.completions, rlaif.exchange.examples
heavy = {"torch", "transformers", "datasets", "pyarrow", "numpy", "pandas", "jsonschema", "ruamel.yaml", "jinja2"}
print(*sorted(heavy & set(sys.modules)))
"""


def test_the_ground_floor_imports_no_heavy_package() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


DRY_RUNS = {
    "generate": "generate --limit 2 --out r --dry-run",
    "evaluate": "evaluate --limit 2 --dry-run",
    "run": "run smoke --limit 2 --out r --dry-run",
}


@pytest.mark.parametrize("line", DRY_RUNS.values(), ids=DRY_RUNS)
def test_a_dry_run_of_a_local_model_loads_no_torch(line: str, tmp_path: Path) -> None:
    code = f"""
import sys
from rlaif.cli.main import main
assert main({line.split()}) == 0
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "False", done.stderr

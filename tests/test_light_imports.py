"""The ground floor loads nothing heavy: a typo in a recipe is told before torch could be imported."""

import subprocess
import sys

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

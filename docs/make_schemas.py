"""Writes rlaif/schemas/recipe.schema.json from the registry of steps; `--check` says whether it is up to date."""

from __future__ import annotations

import json
import sys

from rlaif.checks import SCHEMAS
from rlaif.workflows.recipe.schema import recipe_schema

FILE = SCHEMAS / "recipe.schema.json"


def text() -> str:
    """The schema of recipes with our own steps, as the file holds it."""
    return json.dumps(recipe_schema(from_outside=False), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(
            0 if FILE.read_text(encoding="utf-8") == text() else f"{FILE}: is out of date; run make schemas"
        )
    FILE.write_text(text(), encoding="utf-8")

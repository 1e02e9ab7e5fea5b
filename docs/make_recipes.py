"""Writes what the pages of docs/recipes/ say from recipes and results; `--check`: are they up to date?

A part stands between `<!-- made: NAME -->` and `<!-- end -->`: `graph` in the page of a recipe, `recipes` and `shown`
in README.md. Only shipped recipes are in it, and what the experiments wrote.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.graph import graph, graph_lines
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.recipe import PREVIOUS, Recipe
from rlaif.workflows.recipe.recipes import load_recipe

ROOT = Path(__file__).resolve().parents[1]
RECIPES, PAGES = ROOT / "pipelines", ROOT / "docs" / "recipes"
RESULTS = ROOT / "benchmarks" / "experiments" / "results"
SLOT = re.compile(r"<!-- made: ([\w-]+) -->\n.*?<!-- end -->", re.S)
PAPER = re.compile(r"\b\d{4}\.\d{5}\b")
INDEX = "README"
METHODS = (
    "SL-CAI",
    "RL-CAI labels",
    "Self-Rewarding",
    "Temporal and CREAM",
    "Meta-Rewarding",
    "Self-Taught",
    "RBR fit",
    "RLCD",
    "Context distillation",
    "Conditional training",
    "Debate",
    "Judge training",
    "Process reward",
    "Find and fix",
)
"""In the order of the table; the experiments name them so."""


def papers(path: Path) -> list[str]:
    """arXiv numbers in the comment that a recipe begins with."""
    text = path.read_text(encoding="utf-8")
    comment = "".join(line for line in text[: text.index("\nname:")].splitlines() if line.startswith("#"))
    return list(dict.fromkeys(PAPER.findall(comment)))


def _recipes(_: str) -> str:
    """All recipes, a row each."""
    head = ["recipe", "what it does", "papers", "models and prompts", "a round"]
    return _table(head, [_row(path) for path in sorted(RECIPES.glob("*.yaml"))])


def _row(path: Path) -> list[str]:
    recipe = load_recipe(path)
    links = ", ".join(f"[{each}](https://arxiv.org/abs/{each})" for each in papers(path))
    return [f"[{path.stem}]({path.stem}.md)", recipe.title, links or "-", _needs(recipe), _steps(recipe)]


def _needs(recipe: Recipe) -> str:
    roles = {role: name for role, name in recipe.models.by_role().items() if name != PREVIOUS}
    return f"{', '.join(roles)}; {', '.join(recipe.prompts)}"


def _steps(recipe: Recipe) -> str:
    names = [
        f"{each.key} ({each.given['method']})" if "method" in each.given else each.key
        for each in recipe.round
    ]
    return " > ".join(names)


def _graph(stem: str) -> str:
    """The graph of one recipe, as `--dry-run` draws it."""
    prepared = prepare_recipe(RunConfig(recipe=str(RECIPES / f"{stem}.yaml"), out=Path("runs") / stem))
    lines = graph_lines(prepared, graph(prepared, {}))
    rounds = "\n".join(lines[lines.index("") + 1 :]).rstrip()
    return f"```text\n{rounds}\n```"


def _shown(_: str) -> str:
    """What the experiments found of each method's conditions."""
    found = results()
    rows = [_condition(each) for each in found]
    rows += [[name, "not measured yet", *[""] * 7] for name in METHODS if name not in _named(found)]
    order = {name: place for place, name in enumerate(METHODS)}
    rows.sort(key=lambda row: order.get(row[0], len(order)))
    whole = [name for name in METHODS if name in _named(found) and all(_met(found, name))]
    head = ["method", "condition", "figure", "95 %", "asked", "met", "seeds", "with", "command"]
    notes = [f"- {each['method']}, {each['criterion']}: {each['note']}" for each in found if each["note"]]
    text = f"{len(whole)} of {len(METHODS)} methods meet all of their conditions.\n\n{_table(head, rows)}"
    return text + ("\n\n" + "\n".join(notes) if notes else "")


def results(folder: Path | None = None) -> list[Mapping[str, Any]]:
    """Conditions of all results, in the order of their files."""
    paths = sorted((folder or RESULTS).glob("*.json"))
    return [
        each for path in paths for each in json.loads(path.read_text(encoding="utf-8")).get("criteria", ())
    ]


def _named(found: Sequence[Mapping[str, Any]]) -> set[str]:
    return {each["method"] for each in found}


def _met(found: Sequence[Mapping[str, Any]], name: str) -> list[bool]:
    return [each["met"] for each in found if each["method"] == name]


def _condition(each: Mapping[str, Any]) -> list[str]:
    low, high = each["interval"]
    return [
        each["method"],
        each["criterion"],
        f"{each['figure']:.3f}",
        f"{low:.3f} to {high:.3f}",
        each["rule"],
        "yes" if each["met"] else "no",
        str(each["seeds"]),
        f"`{each['model']}`",
        f"`{each['command']}`",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [
        [cell.replace("|", "\\|").replace("\n", " ") for cell in row]
        for row in (head, ["---"] * len(head), *rows)
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


PARTS: Mapping[str, Callable[[str], str]] = {"recipes": _recipes, "shown": _shown, "graph": _graph}


def made(text: str, stem: str) -> str:
    """A page with its parts made anew; `stem` is the name of the recipe that it is about."""
    return SLOT.sub(lambda found: f"<!-- made: {found[1]} -->\n{PARTS[found[1]](stem)}\n<!-- end -->", text)


def lacking(pages: Path = PAGES, recipes: Path = RECIPES) -> list[str]:
    """Recipes without a page, pages without a recipe, and pages without their part."""
    stems, found = {path.stem for path in recipes.glob("*.yaml")}, []
    for stem in sorted(stems | {INDEX} | {path.stem for path in pages.glob("*.md")}):
        page, wanted = pages / f"{stem}.md", ("recipes", "shown") if stem == INDEX else ("graph",)
        if stem not in stems and stem != INDEX:
            found.append(f"docs/recipes/{stem}.md: there is no recipe pipelines/{stem}.yaml")
        elif not page.is_file():
            found.append(f"pipelines/{stem}.yaml: has no page docs/recipes/{stem}.md")
        else:
            parts = {each[1] for each in SLOT.finditer(page.read_text(encoding="utf-8"))}
            found += [
                f"docs/recipes/{stem}.md: has no part <!-- made: {name} -->"
                for name in wanted
                if name not in parts
            ]
    return found


def main() -> int:
    """Write the pages, or name those that are not up to date; name what is lacking."""
    check, wrong = "--check" in sys.argv[1:], lacking()
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (again := made(text, page.stem)) != text:
            if check:
                wrong.append(f"docs/recipes/{page.name} is out of date: run `make docs`")
            else:
                page.write_text(again, encoding="utf-8")
    sys.stderr.write("".join(f"{each}\n" for each in wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

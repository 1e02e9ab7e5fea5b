"""Every shipped recipe loads, plans its quick form, names its paper, and has a page that is true of it."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.shipped import shipped
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.recipes import load_recipe

ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "pipelines").glob("*.yaml"))
NAMES = [path.stem for path in PATHS]
PAGES = ROOT / "docs" / "recipes"
WIDEST = 78
"""A title stands behind its name on one line of a terminal."""
KEYS = "## Keys to turn"
HEADINGS = ["## The graph", KEYS, "## What is shown", "## Pitfalls"]
_KEY = re.compile(r"`((?:round|prompts|models|stop|rounds|seed|constitution)(?:\.[\w.-]+)?)`")


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return import_module("make_recipes")


def unknown(recipe: str | Path, key: str) -> bool:
    """Whether a recipe has no such key: what no key takes is refused as a value where there is one."""
    try:
        load_recipe(recipe, {key: "{no: such, value: [at, all]}"})
    except InputError as wrong:
        last = re.escape(key.rpartition(".")[2])
        parts = "|".join(map(re.escape, key.split(".")))
        told = rf"unknown key '{last}'|{last} is not used by|--set \S+: '({parts})' is none of"
        return re.search(told, str(wrong)) is not None
    return False


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_it_says_what_it_is_and_of_which_paper(path: Path, pages: Any) -> None:
    recipe, comment = load_recipe(path), path.read_text(encoding="utf-8").partition("\nname:")[0]
    assert recipe.name == path.stem
    assert 0 < len(recipe.title) <= WIDEST
    assert f"rlaif run pipelines/{path.name} --out " in comment
    assert pages.papers(path) or re.search(r"\(no paper: \w", comment)


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_nothing_in_it_is_made_for_nobody_in_full_or_quick(path: Path, tmp_path: Path) -> None:
    for quick in (False, True):
        prepared = prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run", quick=quick))
        assert prepared.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_of_its_quick_form_counts_its_calls(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", name, "--quick", "--limit", "4", "--out", "runs/quick", "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert sum(node["calls"] for node in planned["graph"]) > 0
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", NAMES)
def test_its_page_has_the_parts_of_all_pages_and_names_keys_that_there_are(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    found = re.findall(r"^## .+$", text, flags=re.M)
    assert [each for each in found if each in HEADINGS] == HEADINGS
    keys = set(_KEY.findall(text))
    assert keys & set(_KEY.findall(text.partition(KEYS)[2]))
    assert [key for key in sorted(keys) if unknown(shipped("pipelines") / f"{name}.yaml", key)] == []


@pytest.mark.parametrize(
    ("key", "gone"),
    [
        ("round.train.beta", False),
        ("round.sample.n", False),
        ("rounds", False),
        ("prompts.other", False),
        ("round.train.betta", True),
        ("round.smaple.n", True),
        ("stop", False),
        ("stop.gold_share", True),
        ("round.train.margin", True),
    ],
)
def test_a_key_that_there_is_not_is_found(key: str, gone: bool) -> None:
    assert unknown("smoke", key) is gone


def test_every_recipe_has_a_page_and_every_page_a_recipe(pages: Any) -> None:
    assert pages.lacking() == []


def test_what_lacks_a_page_or_a_part_is_found(pages: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").touch()
    (tmp_path / "a.md").write_text("# a\n")
    (tmp_path / "c.md").write_text("# c\n")
    (tmp_path / "README.md").write_text("<!-- made: recipes -->\n<!-- end -->\n")
    assert pages.lacking(tmp_path, tmp_path) == [
        "docs/recipes/README.md: has no part <!-- made: shown -->",
        "docs/recipes/a.md: has no part <!-- made: graph -->",
        "pipelines/b.yaml: has no page docs/recipes/b.md",
        "docs/recipes/c.md: there is no recipe pipelines/c.yaml",
    ]


def test_pages_say_what_recipes_and_results_say(pages: Any) -> None:
    stale = [
        page.name
        for page in sorted(PAGES.glob("*.md"))
        if pages.made(text := page.read_text(encoding="utf-8"), page.stem) != text
    ]
    assert stale == [], "run `make docs`"


def test_a_method_counts_as_met_where_all_its_conditions_are(
    pages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def condition(method: str, figure: float, note: str = "") -> dict[str, Any]:
        return {
            "method": method, "criterion": f"figure of {figure}", "rule": "at least 0.5", "figure": figure,
            "interval": [figure - 0.1, figure + 0.1], "met": figure >= 0.5, "seeds": 3, "values": [figure] * 3,
            "command": "python x.py", "model": "micro", "note": note,
        }  # fmt: skip

    own = [condition("RLCD", 0.6), condition("Debate", 0.7), condition("Debate", 0.2, "three settings tried")]
    (tmp_path / "x.json").write_text(
        json.dumps({"criteria": [*own, condition("Of our own", 0.9)], "rows": {}})
    )
    (tmp_path / "y.json").write_text(json.dumps({"rows": {}}))
    monkeypatch.setattr(pages, "RESULTS", tmp_path)
    text = pages.made("<!-- made: shown -->\n<!-- end -->", "README")
    assert "\n1 of 14 methods meet all of their conditions.\n" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {9}
    assert [row[0].strip("| ") for row in rows[2:]] == [
        *pages.METHODS[:10], "Debate", "Debate", *pages.METHODS[11:], "Of our own",
    ]  # fmt: skip
    assert [row[5] for row in rows if "Debate" in row[0]] == ["yes", "no"]
    assert "- Debate, figure of 0.2: three settings tried" in text

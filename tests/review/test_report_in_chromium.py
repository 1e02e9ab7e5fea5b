"""Reports in a real Chromium: each kind by axe-core's rules, light and dark; hostile names act in none; on paper."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from tests.review.view.test_view_in_chromium import LEVELS
from tests.workflows.test_report import KINDS

pytestmark = [pytest.mark.heavy, pytest.mark.timing]
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
if CHROMIUM is None:
    pytest.skip("no chromium on this machine: `make browser` installs it", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")
MOST_PAGES = 4


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for kind, (make, _) in KINDS.items():
        folder = make(tmp_path_factory.mktemp("report") / "run")
        assert main(["report", str(folder)]) == 0
        found[kind] = folder / "report.html"
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        held = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield held
        held.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_violation_and_nothing_acts(
    browser: Any, pages: dict[str, Path], kind: str, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python").__file__
    script = (Path(axe).parent / "axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(pages[kind].as_uri())
    for each in page.locator("details").all():
        each.evaluate("each => each.open = true")
    assert page.evaluate("window.owned") is None
    page.evaluate(script)
    told = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", LEVELS)
    context.close()
    assert {
        each["id"]: [node["html"][:120] for node in each["nodes"]][:3] for each in told["violations"]
    } == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_phone_scrolls_no_page_sideways_and_paper_has_at_most_four_pages(
    browser: Any, pages: dict[str, Path], kind: str
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(pages[kind].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    printed = page.pdf(format="A4")
    page.close()
    assert 0 < len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) <= MOST_PAGES

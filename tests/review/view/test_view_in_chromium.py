"""A project's pages in a real Chromium: keys alone, dark, phone, paper, live, hostile texts, and axe-core's rules."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlaif.review.view.app import make_view
from rlaif.review.view.viewer import Viewer
from rlaif.runs.claim import claim
from tests.review.view import projects
from tests.review.view.test_app import PAGES, viewer_of

pytestmark = [pytest.mark.heavy, pytest.mark.timing]
HANG_MS = 300_000
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
if CHROMIUM is None:
    pytest.skip("no chromium on this machine: `make browser` installs it", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")
HOSTILE = "/run/runs/hostile"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Viewer, str]]:
    import uvicorn

    folder = projects.project(tmp_path_factory.mktemp("view"))
    projects.generated(folder / "runs" / "hostile", count=2, more="".join(projects.HOSTILE))
    viewer = viewer_of(folder)
    server = uvicorn.Server(uvicorn.Config(make_view(viewer), port=0, log_level="error"))
    worker = threading.Thread(target=server.run, daemon=True)
    worker.start()
    while not server.started:
        assert worker.is_alive(), "the server has died"
        time.sleep(0.05)
    yield viewer, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    worker.join(timeout=HANG_MS / 1000)
    viewer.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        held = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield held
        held.close()


@pytest.fixture
def page(browser: Any, served: tuple[Viewer, str]) -> Iterator[Any]:
    yield from opened(browser, served, viewport={"width": 1200, "height": 900})


def opened(browser: Any, served: tuple[Viewer, str], **settings: Any) -> Iterator[Any]:
    context = browser.new_context(**settings)
    context.set_default_timeout(HANG_MS)
    found = context.new_page()
    wrong: list[str] = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda each: wrong.append(each.text) if each.type == "error" else None)
    found.goto(f"{served[1]}/?token={served[0].token}")
    yield found
    assert wrong == []
    context.close()


def test_all_of_a_project_is_reached_by_keys_alone(page: Any, served: tuple[Viewer, str]) -> None:
    page.keyboard.press("/")
    page.keyboard.type("self-rewarding")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=self-rewarding*")
    page.keyboard.press("Enter")
    page.wait_for_url("**/run/runs/loop")
    page.keyboard.press("2")
    page.wait_for_url("**/-/samples")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/-/sample/1")
    page.keyboard.press("j")
    page.wait_for_url("**/-/sample/2")
    page.keyboard.press("k")
    page.wait_for_url("**/-/sample/1")
    page.keyboard.press("3")
    page.wait_for_url("**/-/pairs")
    page.keyboard.press("Enter")
    page.wait_for_url("**/-/pair/0*")
    page.keyboard.press("b")
    page.wait_for_url("**/-/pair/1*")
    page.keyboard.press("g")
    page.keyboard.press("k")
    page.wait_for_url("**/constitutions")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url(f"{served[1]}/")


def test_the_switch_turns_the_scheme_and_it_stays(page: Any, served: tuple[Viewer, str]) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(back)
    page.keyboard.press("d")
    dark = page.evaluate(back)
    assert light != dark
    page.goto(f"{served[1]}/compare")
    assert page.evaluate(back) == dark
    page.keyboard.press("d")
    assert page.evaluate(back) == light


def test_every_page_fits_a_phone(browser: Any, served: tuple[Viewer, str]) -> None:
    for page in opened(browser, served, viewport={"width": 360, "height": 740}):
        for path in PAGES:
            page.goto(served[1] + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_no_hostile_text_runs_or_leaves_its_place(page: Any, served: tuple[Viewer, str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("", "/-/samples", "/-/sample/0", "/-/sample/1", "/-/pairs", "/-/pair/0", "/-/constitution"):
        page.goto(f"{served[1]}{HOSTILE}{path}")
        for each in page.locator("details").all():
            each.evaluate("each => each.open = true")
        page.mouse.move(400, 400)
        assert page.evaluate("window.owned") is None
        assert page.locator("main iframe, main img, main script, main style, meta[http-equiv]").count() == 0
        assert page.locator("body").is_visible()
    assert all(url.startswith(served[1]) for url in asked)


def test_a_run_at_work_shows_new_figures_and_rounds_without_being_asked(
    browser: Any, served: tuple[Viewer, str]
) -> None:
    viewer, address = served
    run = viewer.project / "runs" / "live"
    config = {"recipe": {"name": "smoke", "rounds": 2, "models": {"policy": "micro"}}}
    with claim(run, config, command="run") as held:
        projects.record(run, "rounds.json", [projects.row(0, 0.5)])
        held.progress(round=1, of=2, step="judge", done=10, total=100)
        for page in opened(browser, served):
            page.goto(f"{address}/run/runs/live")
            assert "10 of about 100 calls" in page.inner_text("[data-live]")
            held.progress(round=1, of=2, step="judge", done=60, total=100)
            page.wait_for_selector("text=60 of about 100 calls", timeout=HANG_MS)
            projects.record(run, "rounds.json", [projects.row(0, 0.5), projects.row(1, 0.875)])
            page.wait_for_selector("#standing >> text=0.875", timeout=HANG_MS)


def test_paper_is_light_and_has_no_controls(browser: Any, served: tuple[Viewer, str]) -> None:
    for page in opened(browser, served, color_scheme="dark"):
        page.goto(f"{served[1]}/run/runs/loop")
        page.emulate_media(media="print", color_scheme="dark")
        assert not page.locator("nav").first.is_visible()
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(int(each) for each in re.findall(r"\d+", back)[:3]) > 700
        assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_of_level_a_or_aa(
    browser: Any, served: tuple[Viewer, str], scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python").__file__
    script = (Path(axe).parent / "axe.min.js").read_text(encoding="utf-8")
    # axe itself is put in by the test: the page's policy lets no other script in
    for page in opened(browser, served, color_scheme=scheme, bypass_csp=True):
        found: dict[str, list[str]] = {}
        for path in PAGES:
            page.goto(served[1] + path)
            for each in page.locator("details").all():
                each.evaluate("each => each.open = true")
            page.evaluate(script)
            told = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", LEVELS)
            found |= {
                f"{path} {each['id']}": [node["html"][:120] for node in each["nodes"]][:3]
                for each in told["violations"]
            }
        assert found == {}

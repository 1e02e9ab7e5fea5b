"""The review page in a real Chromium: keys, filters, and hostile texts that stay texts."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlaif.exchange.pairs import write_pairs
from rlaif.review.app import Desk, make_app
from rlaif.review.index import PairIndex, sides
from rlaif.review.report import write_report
from rlaif.store import Store
from rlaif.store.decisions import decisions

from .test_app import PAIRS, pair

pytestmark = [pytest.mark.heavy, pytest.mark.timing]
HANG_MS = 300_000
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
if CHROMIUM is None:
    pytest.skip("no chromium on this machine: `make browser` installs it", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")
HOSTILE = [
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    "</pre></section><svg onload='window.owned = 3'>",
    "<a href='javascript:window.owned = 4' id='first' autofocus onfocus='window.owned = 5'>x</a>",
    "<style>body { display: none }</style><form action='http://evil.example'><button>go</button></form>",
    '" onmouseover="window.owned = 6" x="',
    "{{ config }}{% for x in range(9) %}owned{% endfor %}",
    "<iframe srcdoc='<script>parent.owned = 7</script>'></iframe><meta http-equiv=refresh content='0;url=http://evil.example'>",
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, str]]:
    import uvicorn

    folder = tmp_path_factory.mktemp("review")
    hostile = [pair(100 + number, critique=text) for number, text in enumerate(HOSTILE)]
    hostile = [_with_texts(each, text) for each, text in zip(hostile, HOSTILE, strict=True)]
    write_pairs(folder / "pairs.jsonl", [*PAIRS[:20], *hostile])
    with Store.open(folder / "store.sqlite") as store:
        found = Desk(index=PairIndex(folder), store=store, reviewer="ann")
        server = uvicorn.Server(uvicorn.Config(make_app(found), port=0, log_level="error"))
        worker = threading.Thread(target=server.run, daemon=True)
        worker.start()
        while not server.started:
            assert worker.is_alive(), "the server has died"
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield found, f"http://127.0.0.1:{port}"
        server.should_exit = True
        worker.join(timeout=HANG_MS / 1000)


def _with_texts(each: Any, text: str) -> Any:
    from dataclasses import replace

    from rlaif.records import Message

    return replace(
        each,
        prompt=(Message(role="user", content=f"hostile {text}"),),
        chosen=(Message(role="assistant", content=f"good {text}"),),
        rejected=(Message(role="assistant", content=f"bad {text[::-1]}"),),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        held = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield held
        held.close()


@pytest.fixture
def page(browser: Any, desk: tuple[Desk, str]) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.set_default_timeout(HANG_MS)
    found = context.new_page()
    found.goto(f"{desk[1]}/?token={desk[0].token}")
    yield found
    context.close()


def test_pairs_are_walked_and_decided_by_keys_alone(page: Any, desk: tuple[Desk, str]) -> None:
    assert "token" not in page.url
    page.keyboard.press("Enter")
    page.wait_for_url("**/pair/0*")
    page.keyboard.press("a")
    page.wait_for_url("**/pair/1*")
    page.keyboard.press("t")
    page.wait_for_url("**/pair/2*")
    page.keyboard.press("k")
    page.wait_for_url("**/pair/1*")
    assert "You said: tie." in page.inner_text("#status")
    page.keyboard.press("u")
    page.wait_for_selector("#status:has-text('Not decided')")
    page.keyboard.press("f")
    page.wait_for_selector("#status:has-text('flagged')")
    page.keyboard.press("j")
    page.wait_for_url("**/pair/2*")
    standing = {each.pair: each for each in decisions(desk[0].store)}
    assert standing[PAIRS[0].id].prefers == sides(PAIRS[0])[0][0]
    assert standing[PAIRS[1].id].flag
    assert PAIRS[1].id in standing
    assert standing[PAIRS[1].id].prefers is None


def test_letters_in_a_note_are_no_keys(page: Any, desk: tuple[Desk, str]) -> None:
    page.goto(f"{desk[1]}/pair/6")
    page.keyboard.press("n")
    page.keyboard.type("a bit of both")
    assert page.url.endswith("/pair/6")
    page.keyboard.press("Escape")
    with page.expect_navigation():  # else the note may be asked for before it is sent
        page.get_by_role("button", name="keep the note").click()
    (said,) = [each for each in decisions(desk[0].store) if each.pair == PAIRS[6].id]
    assert (said.note, said.prefers) == ("a bit of both", None)


def test_evidence_is_not_there_until_asked_for_and_folded_then(page: Any, desk: tuple[Desk, str]) -> None:
    page.goto(f"{desk[1]}/pair/8")
    assert page.get_by_text("Label:").count() == 0
    with page.expect_navigation():
        page.keyboard.press("e")
    assert not page.get_by_text("Label:").is_visible()
    page.keyboard.press("e")
    assert page.get_by_text("Label:").is_visible()


def test_filters_narrow_the_walk(page: Any, desk: tuple[Desk, str]) -> None:
    page.keyboard.press("/")
    page.keyboard.type("ask number 17")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=ask+number+17*")
    assert page.inner_text("h1") == "1 pair"
    page.goto(f"{desk[1]}/")
    page.get_by_label("orders disagree").check()
    page.get_by_role("button", name="show").click()
    page.wait_for_url("**inconsistent=1*")
    page.locator("#first").click()
    page.wait_for_url("**/pair/0?inconsistent=1")
    page.keyboard.press("b")
    page.wait_for_url("**/pair/3?inconsistent=1")


def test_no_hostile_text_runs_or_leaves_its_place(page: Any, desk: tuple[Desk, str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for place in range(20, 20 + len(HOSTILE)):
        page.goto(f"{desk[1]}/pair/{place}")
        with page.expect_navigation():
            page.keyboard.press("e")
        page.keyboard.press("e")
        page.mouse.move(400, 400)
        assert page.evaluate("window.owned") is None
        assert HOSTILE[place - 20] in page.locator("section.prompt pre").inner_text()
        assert page.locator("main iframe, main img, main svg, main script, main style").count() == 0
    assert page.locator("body").is_visible()
    assert all(url.startswith(desk[1]) for url in asked)


def test_the_page_fits_a_phone_and_both_schemes(browser: Any, desk: tuple[Desk, str]) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{desk[1]}/pair/0?token={desk[0].token}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert _contrast(page, "body") >= 7
        assert _contrast(page, ".dim") >= 4.5
        context.close()


def test_the_report_fits_a_phone_and_asks_nothing_of_any_network(browser: Any, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", PAIRS)
    path = write_report(tmp_path, {"command": "generate", "config": {}, "status": "done"})
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert _contrast(page, "body") >= 7
        for selector in ("p", "svg .tiny", ".legend", "a", ".chip", "figure"):
            assert _contrast(page, selector) >= 4.5
        assert asked == [path.as_uri()]
        context.close()


def test_the_report_is_walked_by_keyboard_and_holds_hostile_texts(browser: Any, tmp_path: Path) -> None:
    pairs = [_with_texts(pair(number, critique=text), text) for number, text in enumerate(HOSTILE)]
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    path = write_report(tmp_path, {"command": HOSTILE[0], "config": {"name": HOSTILE[1]}, "status": "done"})
    page = browser.new_page()
    page.goto(path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "#" in page.url
    for each in page.locator("details").all():
        if each.get_attribute("open") is None:
            each.locator("summary").first.focus()
            page.keyboard.press("Enter")
    assert page.locator("details:not([open])").count() == 0
    assert page.evaluate("window.owned") is None
    assert page.locator("main iframe, main img, main script, main form, main style").count() == 0
    assert page.locator("body").is_visible()
    page.close()


def test_on_paper_everything_is_there_in_dark_on_light(browser: Any, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", PAIRS)
    path = write_report(tmp_path, {"command": "generate", "config": {}, "status": "done"})
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(path.as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").first.is_visible()
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert _luminance(back) > 0.9
    assert _contrast(page, "body") >= 7
    assert page.pdf(format="A4").startswith(b"%PDF")
    context.close()


def _contrast(page: Any, selector: str) -> float:
    """WCAG's ratio of an element's colour to the page's background."""
    front, back = page.evaluate(
        "s => [getComputedStyle(document.querySelector(s)).color, getComputedStyle(document.body).backgroundColor]",
        selector,
    )
    one, other = sorted((_luminance(front), _luminance(back)), reverse=True)
    return (one + 0.05) / (other + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(each) / 255 for each in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

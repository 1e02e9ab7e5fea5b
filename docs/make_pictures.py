"""Makes docs/pictures/ from the runs of docs/auditing.md and docs/view.md, with Chromium: `make pictures` (minutes).

The pictures are of those pages' own commands, so they show what a reader who repeats them sees.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PICTURES = Path(__file__).parent / "pictures"
RLAIF = [sys.executable, "-m", "rlaif"]
GENERATE = (
    "generate --policy micro --judge micro:weak --prompts micro:train --limit 70 --no-critique --inconsistent average "
    "--accept-unfit --out runs/weak"
)
"""As docs/auditing.md writes it."""
LOOKED_AT = (
    "run self-rewarding --quick --out runs/loop",
    "generate --policy micro --judge micro:weak --prompts micro:train --limit 40 --accept-unfit --out runs/weak",
)
"""As docs/view.md writes them."""
REPORTED = (
    "evaluate --policy runs/loop/models/round-1 --against micro --judge micro --prompts micro:held-out --limit 16 "
    "--gold --out runs/eval",
    "judge check --judge micro --limit 24 --out runs/check",
    "lab overoptimize --quick --methods best-of-n --sizes 1,2 --out runs/lab",
)
"""What has a report of its own kind."""
EVERY_PAGE = {
    "runs": "/",
    "run": "/run/runs/loop",
    "samples": "/run/runs/loop/-/samples",
    "sample": "/run/runs/loop/-/sample/0",
    "training": "/run/runs/loop/-/training",
    "audit": "/run/runs/loop/-/audit",
    "configuration": "/run/runs/loop/-/configuration",
    "constitution": "/run/runs/loop/-/constitution",
    "constitutions": "/constitutions",
    "review": "/run/runs/loop/-/pairs",
    "compare": "/compare?a=runs/weak&b=runs/loop",
}
"""By the name of its pictures, the address of each page of `rlaif view`."""
REPORTS = ("loop", "eval", "check", "lab")
"""Runs whose report is looked at too."""
LOOKS = {"desktop": (900, 900, "light"), "dark": (900, 900, "dark"), "phone": (360, 740, "light")}
"""Width, height and scheme of each look; a fourth is paper."""
COLOURS = 128
"""Of a picture, which makes it a third as large."""
WIDTH = 900


def main() -> None:
    """Make the runs, a report, the review page and those of a project in a new directory, and take each picture."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        for line in (GENERATE, "audit runs/weak --html weak.html"):
            subprocess.run([*RLAIF, *line.split()], cwd=place, check=True, stdout=subprocess.DEVNULL)
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        take_report(browser, Path(place) / "weak.html")
        with served(place, "review", "runs/weak", "--reviewer", "ann") as address:
            take_review(browser, address)
        project = Path(place) / "project"
        (project / ".rlaif").mkdir(parents=True)
        for line in LOOKED_AT:
            subprocess.run([*RLAIF, *line.split()], cwd=project, check=True, stdout=subprocess.DEVNULL)
        for line in (*REPORTED, *(f"report runs/{name}" for name in REPORTS)):
            subprocess.run([*RLAIF, *line.split()], cwd=project, check=True, stdout=subprocess.DEVNULL)
        with served(str(project), "view") as address:
            take_view(browser, address)
            take_every_page(browser, address, project)
        browser.close()


def chromium() -> str:
    """The system's Chromium. Ends the program where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (found := shutil.which(name)) is not None:
            return found
    sys.exit("no Chromium on this machine: make browser")


def take_report(browser: Any, report: Path) -> None:
    """Pictures of the parts of the HTML report, and of its top on a phone."""
    page = opened(browser, report.as_uri(), 620)
    shoot(page, "audit-findings", "#audit")
    shoot(page, "report-distributions", "#distributions")
    page.set_viewport_size({"width": WIDTH, "height": 420})
    shoot(page, "report-reliability", "#reliability")
    page.set_viewport_size({"width": WIDTH, "height": 560})
    inverse = page.locator("details", has=page.locator("summary", has_text="Inverse constitution"))
    inverse.locator("summary").click()
    page.mouse.move(0, 0)
    shoot(page, "audit-inverse", inverse)
    page.close()
    phone = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="dark")
    phone.goto(report.as_uri())
    shoot(phone, "report-phone")
    phone.close()


def take_review(browser: Any, address: str) -> None:
    """Pictures of the review app: a pair not yet decided, and the list once two are decided."""
    page = opened(browser, address, 700)
    page.keyboard.press("Enter")
    page.wait_for_url("**/pair/0*")
    shoot(page, "review-pair")
    for place, keys in ((4, "a"), (5, "fb")):
        page.goto(page.url.partition("/pair/")[0] + f"/pair/{place}")
        for key in keys:
            with page.expect_navigation():
                page.keyboard.press(key)
    page.goto(page.url.partition("/pair/")[0] + "/")
    shoot(page, "review-list")
    page.close()


def take_view(browser: Any, address: str) -> None:
    """Pictures of `rlaif view`: the list, a run, a sample, a comparison; the run on a phone and on paper."""
    page = opened(browser, address, 420)
    base = page.url.rstrip("/")
    shoot(page, "view-runs")
    page.set_viewport_size({"width": WIDTH, "height": 1100})
    for name, path in (
        ("view-run", "/run/runs/loop"),
        ("view-sample", "/run/runs/loop/-/sample/0"),
        ("view-compare", "/compare?a=runs/weak&b=runs/loop"),
        ("view-training", "/run/runs/loop/-/training"),
        ("view-constitution", "/run/runs/loop/-/constitution"),
    ):
        page.goto(base + path)
        shoot(page, name)
    page.goto(f"{base}/run/runs/loop/-/sample/0")
    page.locator("details summary").first.click()
    page.mouse.move(0, 0)
    shoot(page, "view-sample")
    page.goto(f"{base}/run/runs/loop")
    page.pdf(path=str(PICTURES / "view-run.pdf"), format="A4")
    cookies = page.context.cookies()
    page.close()
    dark = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    dark.add_cookies(cookies)
    phone = dark.new_page()
    phone.goto(f"{base}/run/runs/loop")
    shoot(phone, "view-phone")
    dark.close()


def take_every_page(browser: Any, address: str, project: Path) -> None:
    """Each page and each report on a desk, dark, on a phone, and as a print."""
    folder = PICTURES / "pages"
    folder.mkdir(exist_ok=True)
    for look, (width, height, scheme) in LOOKS.items():
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        base = page.url.rstrip("/")
        places = {name: base + path for name, path in EVERY_PAGE.items()}
        places |= {f"report-{name}": (project / "runs" / name / "report.html").as_uri() for name in REPORTS}
        for name, place in places.items():
            page.goto(place)
            small(page.screenshot(), folder / f"{name}-{look}.png")
            if look == "desktop":
                page.pdf(path=str(folder / f"{name}.pdf"), format="A4")
        context.close()


def small(picture: bytes, path: Path) -> None:
    """Write a picture with as few colours as one does not see."""
    from io import BytesIO

    from PIL import Image

    Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS, kmeans=2).save(path, optimize=True)


def opened(browser: Any, address: str, height: int) -> Any:
    page = browser.new_page(viewport={"width": WIDTH, "height": height})
    page.goto(address)
    return page


def shoot(page: Any, name: str, top: Any = None) -> None:
    """Write one picture; `top` is the element, or its selector, at the upper edge."""
    if top is not None:
        element = page.locator(top) if isinstance(top, str) else top
        element.evaluate("each => each.scrollIntoView({block: 'start', behavior: 'instant'})")
    page.screenshot(path=str(PICTURES / f"{name}.png"))


@contextmanager
def served(place: str, *words: str) -> Iterator[str]:
    """The address of a command while it serves its page."""
    command = [*RLAIF, *words]
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True, env=unbuffered) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            wait_for(urlsplit(address).port or 0)
            yield address
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    """Return when something listens at `port` of this machine: the address is printed just before."""
    for _ in range(600):
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit("the review page does not answer")


if __name__ == "__main__":
    main()

"""The pages over a project without a browser: who comes in, what each page shows, and that texts stay texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from rlaif.auditing.audit import audit
from rlaif.auditing.planted import Planted, planted_run
from rlaif.errors import InputError
from rlaif.review import report
from rlaif.review.guard import HEADERS
from rlaif.review.view.app import make_view
from rlaif.review.view.viewer import AuditShown, Viewer
from rlaif.store import Store
from rlaif.store.decisions import decisions
from tests.review.view import projects

pytestmark = pytest.mark.timing
LOOP, GEN = "/run/runs/loop", "/run/runs/gen"
PAGES = [
    "/",
    "/compare",
    "/compare?a=runs/loop&b=runs/eval",
    "/constitutions",
    LOOP,
    GEN,
    "/run/runs/eval",
    "/run/models/gen",
    *(f"{LOOP}/-/{each}" for each in ("samples", "sample/0", "pairs", "pair/0", "training")),
    *(f"{LOOP}/-/{each}" for each in ("constitution", "configuration")),
]


def viewer_of(project: Path) -> Viewer:
    def audited(run: Path) -> AuditShown:
        if run.name == "broken":
            raise InputError(f"{run}: has no completions; name another run")
        return AuditShown(audit(planted_run(Planted(settings={"position": 2.0}), prompts=40)))

    return Viewer(
        project=project,
        store=lambda _: project / ".rlaif" / "store.sqlite",
        reviewer="ann",
        auditor=audited,
        token="a-token-of-this-test",
    )


def client_of(viewer: Viewer) -> TestClient:
    client = TestClient(make_view(viewer), base_url="http://127.0.0.1")
    assert client.get(f"/?token={viewer.token}").status_code == 200
    return client


@pytest.fixture
def viewer(tmp_path: Path) -> Iterator[Viewer]:
    found = viewer_of(projects.project(tmp_path))
    yield found
    found.close()


@pytest.fixture
def page(viewer: Viewer) -> TestClient:
    return client_of(viewer)


def test_nobody_comes_in_without_the_token(viewer: Viewer) -> None:
    client = TestClient(make_view(viewer), base_url="http://127.0.0.1")
    for path in (*PAGES, f"{LOOP}/-/live", "/assets/review.js", "/?token=guess"):
        assert client.get(path).status_code == 403
    assert client.post(f"{LOOP}/-/say", data={"say": "a"}).status_code == 403


def test_every_table_of_a_page_scrolls_or_is_stacked_where_a_screen_is_narrow() -> None:
    bare = set()
    for page in (Path(report.__file__).parent / "pages").glob("*.j2"):
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"<table[^>]*>", text):
            held = re.search(r'class="[^"]*\bwide\b[^"]*"[^>]*>\s*$', text[: found.start()])
            if not held and "stack" not in found[0]:
                bare.add(f"{page.name}: {found[0]}")
    assert bare == set()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_with_its_headers_one_script_and_no_style_of_its_own(
    page: TestClient, path: str
) -> None:
    answer = page.get(path)
    assert answer.status_code == 200
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert len(re.findall(r"<script", answer.text)) == 1
    assert " style=" not in answer.text
    assert "<style" not in answer.text
    assert answer.text.count("<main") == answer.text.count("<h1") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/run/runs/none",
        "/run/x%2f%2e%2e%2fx",
        "/run/runs/gen/-/training",
        f"{GEN}/-/sample/99",
        "/constitution/b2:none",
        f"{LOOP}/-/other",
    ],
)
def test_what_is_not_there_says_so_and_where_to_go(page: TestClient, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 404
    assert "All runs" in answer.text


def test_the_list_says_results_models_and_costs_by_name(page: TestClient) -> None:
    text = page.get("/").text
    for words in (
        "4 runs",
        "gold 0.500 → 0.750",
        "self-rewarding",
        "org/small",
        "the newest policy",
        "USD 1.25",
        "2 min 5 s",
        "1 doubt",
        "win rate 0.300",
    ):
        assert words in text
    assert "b2:" not in text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("text=self", ["runs/loop"]),
        ("text=ORG/SMALL+gen", ["models/gen", "runs/gen"]),
        ("kind=evaluate", ["runs/eval"]),
        ("status=running", []),
    ],
)
def test_a_search_keeps_runs_that_hold_all_its_words(page: TestClient, query: str, names: list[str]) -> None:
    assert re.findall(r'href="/run/([^"]+)" data-row', page.get(f"/?{query}").text) == names


def test_a_project_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    text = client_of(viewer_of(tmp_path)).get("/").text
    assert "0 runs" in text
    assert "rlaif generate" in text


def test_the_overview_answers_first_and_shows_before_and_after(page: TestClient) -> None:
    text = page.get(LOOP).text
    assert "Better: gold went from 0.500 to 0.750 on held-out prompts" in text
    assert text.index("Did it help?") < text.index("Curves") < text.index("Before and after")
    for words in ("cannot apply it", "Reword the principle", "+0.25", "before 0", "after 0", "acceptance"):
        assert words in text


def test_an_evaluation_and_a_training_show_theirs(page: TestClient) -> None:
    assert "Worse: " in page.get("/run/runs/eval").text
    assert "models/new, judged by micro on 10 prompts" in page.get("/run/runs/eval").text
    text = page.get("/run/models/gen").text
    assert "Trained by dpo for 2 steps on gen." in text
    assert page.get("/run/models/gen/-/training").status_code == 200


def test_a_sample_has_every_judgment_with_its_raw_call(viewer: Viewer, page: TestClient) -> None:
    text = page.get(f"{GEN}/-/sample/2").text
    assert "good 2" in text
    assert "unreadable" in text
    assert '<details class="thought"><summary>thought (3 words)</summary>' in text
    assert f"{GEN}/-/call/b2:call-2-0" in text
    assert "does not hold this call" in page.get(f"{GEN}/-/call/b2:call-2-0").text
    with Store.open(viewer.project / ".rlaif" / "store.sqlite") as store:
        [(key,)] = store.select("SELECT key FROM calls WHERE reply LIKE '%before 1%'", [])
    text = page.get(f"{LOOP}/-/call/{key}").text
    for words in ("before 1", "question 1", "11 tokens in, 3 out", "temperature", "A call of org/small"):
        assert words in text


def test_a_sample_of_an_evaluation_has_gold_comparisons_and_raw_calls(page: TestClient) -> None:
    shown = page.get("/run/runs/eval/-/sample/0").text
    assert "2 principles, by gold" in shown
    assert "judged worse than micro" in shown
    assert "/-/call/b2:compared-0" in shown
    assert 'name="source"' not in page.get("/run/runs/eval/-/samples").text


def test_filters_of_samples_stay_in_the_links(page: TestClient) -> None:
    text = page.get(f"{GEN}/-/samples?principle=greet&tag=odd").text
    assert re.findall(r'href="([^"]+)" data-row', text) == [
        f"{GEN}/-/sample/{place}?principle=greet&amp;tag=odd" for place in (1, 3)
    ]


def test_pairs_of_a_run_are_reviewed_with_its_principles(viewer: Viewer, page: TestClient) -> None:
    text = page.get(f"{GEN}/-/pair/0").text
    assert "The response is polite." in text
    assert "1 test</summary>" in text
    assert "The response is brief." not in text  # its judge was not asked about that one
    assert "chosen" not in text
    assert "not so" not in text
    desk = viewer.desks[viewer.project / "runs" / "gen"]
    form = {"key": desk.form_key, "place": "0", "say": "a"}
    answer = page.post(f"{GEN}/-/say", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{GEN}/-/pair/1?")
    [said] = decisions(desk.store)
    assert said.reviewer == "ann"
    evidence = page.get(f"{GEN}/-/pair/0").text.partition('<details id="evidence">')[2]
    assert "not so" in evidence
    assert "org/judge" in evidence
    assert "ann: 1 of 4 pairs" in page.get(f"{GEN}/-/pairs").text
    rows = [json.loads(line) for line in page.get(f"{GEN}/-/decisions.jsonl").text.splitlines()]
    assert [(row["winner"], row["reviewer"], row["pair"]) for row in rows] == [("a", "ann", said.pair)]
    assert page.get(f"{GEN}/-/pair-id/{said.pair}").url.path == f"{GEN}/-/pair/0"
    assert page.post(f"{GEN}/-/say", data=form | {"key": "guess"}).status_code == 403


def test_an_audit_is_worked_out_once_and_shown(viewer: Viewer, page: TestClient) -> None:
    assert "being worked out" in page.get(f"{GEN}/-/audit").text or viewer.audits
    text = waited(page, f"{GEN}/-/audit")
    assert "<b>position</b>" in text
    assert "<svg" in text
    held = viewer.audits[viewer.project / "runs" / "gen"]
    page.get(f"{GEN}/-/audit")
    assert viewer.audits[viewer.project / "runs" / "gen"] is held


def waited(page: TestClient, path: str) -> str:
    import time

    for _ in range(600):
        text = page.get(path).text
        if "being worked out" not in text:
            return text
        time.sleep(0.1)
    raise AssertionError("the audit never ends")


def test_an_audit_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    projects.generated(tmp_path / "runs" / "broken")
    text = waited(client_of(viewer_of(tmp_path)), "/run/runs/broken/-/audit")
    assert "has no completions; name another run" in text


def test_two_runs_are_compared_by_figures_configuration_and_samples(page: TestClient) -> None:
    text = page.get("/compare?a=runs/gen&b=runs/loop").text
    for words in ("Gold, held-out", "recipe.name", "before 1", "after 1", "what differs".capitalize()):
        assert words in text
    assert page.get("/compare?a=runs/none&b=../x").status_code == 200


def test_a_constitution_shows_text_tests_and_what_changed(page: TestClient) -> None:
    [digest, _] = re.findall(r'href="/constitution/([^"]+)" data-row', page.get("/constitutions").text)
    text = page.get(f"/constitution/{digest}").text
    assert "<del>The response is polite.</del> <ins>The response greets the user.</ins>" in text
    assert "weight 2.00" in text
    assert "Hello." in text
    assert "runs/loop" in text


def test_how_a_run_stands_is_json(page: TestClient) -> None:
    found = page.get(f"{LOOP}/-/live").json()
    assert found["running"] is False
    assert page.get("/run/runs/none/-/live").status_code == 404


def test_the_theme_is_that_of_the_cookie_and_no_other_word(page: TestClient) -> None:
    assert "data-theme=" not in page.get("/").text
    page.cookies.set("rlaif_theme", "dark")
    assert '<html lang="en" data-theme="dark">' in page.get("/").text
    page.cookies.set("rlaif_theme", '"><script>')
    assert "data-theme=" not in page.get("/").text


@pytest.mark.parametrize("place", ["texts", "facts", "name", "principle", "constitution"])
def test_what_anybody_wrote_is_text_on_every_page(tmp_path: Path, place: str) -> None:
    hostile = "".join(projects.HOSTILE[:3]) + projects.HOSTILE[4]
    run = projects.generated(tmp_path / "runs" / "gen", more=hostile if place == "texts" else "")
    if place in ("facts", "principle"):
        facts: dict[str, Any] = json.loads((run / "run.json").read_text())
        if place == "facts":
            facts["config"]["judge"]["name"] = hostile
            facts["summary"]["warnings"] = [hostile]
        else:
            facts["summary"]["principles"] = {hostile: facts["summary"]["principles"]["greet"]}
        (run / "run.json").write_text(json.dumps(facts))
    if place == "name":
        run = run.rename(tmp_path / "runs" / "a<b>&'\" {{ 7331 * 7177 }}")
    if place == "constitution":
        (run / "constitution.yaml").write_text(
            projects.OLDER.replace(
                "is polite", json.dumps(hostile)[1:-1].replace("{{", "{ {").replace(": ", ":")
            )
        )
    client = client_of(viewer_of(tmp_path))
    base = re.findall(r'href="(/run/[^"]+)" data-row', client.get("/").text)[0]
    pages = ["/", "/compare", "/constitutions", base]
    pages += [
        f"{base}/-/{each}"
        for each in ("samples", "sample/0", "pairs", "pair/0", "constitution", "configuration")
    ]
    for path in pages:
        text = client.get(path.replace("&#39;", "'").replace("&amp;", "&")).text
        assert "<script>window" not in text, path
        assert "<img src=x" not in text, path
        assert "<svg onload" not in text, path
        assert projects.COMPUTED not in text, path
    if place == "texts":
        assert escape(projects.HOSTILE[0]) in client.get(f"{base}/-/sample/0").text

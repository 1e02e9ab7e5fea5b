"""The commands `import`, `new` and `show --format`: what they write, print and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.constitution import lint, load_constitution
from rlaif.constitution.baselines import baseline_scores
from rlaif.templates import template_digests
from tests.engines.tiny import write_model

TYPO = "Name the harmfull precedings"
CRITIQUES = {
    "harmful0": {
        "prompt": [f"\n\nCritiqueRequest: {TYPO}.\n\nCritique:"],
        "edit_request": "\n\nRevisionRequest: Rewrite it.\n\nRevision:",
    }
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("CritiqueRevision.json").write_text(json.dumps(CRITIQUES), encoding="utf-8")


def run(*words: str) -> int:
    return main(["constitution", *words])


def test_import_show_gives_the_file_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "CritiqueRevision.json", "--out", "constitutions/cai.yaml") == 0
    assert "reword it" in capsys.readouterr().err
    assert load_constitution("cai").name == "cai"
    assert run("check", "constitutions/cai.yaml") == 0
    capsys.readouterr()
    assert run("show", "cai", "--format", "anthropic-critiques") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == CRITIQUES
    assert "left out, as anthropic-critiques cannot say it: the texts to compare by" in shown.err


def test_import_without_out_prints_the_constitution(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "CritiqueRevision.json", "--name", "own") == 0
    Path("own.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    found = load_constitution("own.yaml")
    assert (found.name, found.principles[0].critique) == ("own", f"{TYPO}.")


def test_import_reports_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "CritiqueRevision.json", "--out", "a.yaml", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["name"], said["principles"], said["out"]) == (
        "anthropic-critiques",
        "a",
        1,
        "a.yaml",
    )
    assert said["digest"] == load_constitution("a.yaml").digest


def test_nothing_is_written_over_and_nothing_half(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text("mine", encoding="utf-8")
    assert run("import", "CritiqueRevision.json", "--out", "a.yaml") == 2
    assert run("import", "CritiqueRevision.json", "--out", "a.txt") == 2
    assert run("import", "none.json", "--out", "b.yaml") == 2
    assert run("new", "a", "--out", "a.yaml") == 2
    assert "is there already" in capsys.readouterr().err
    assert Path("a.yaml").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in Path().iterdir()) == ["CritiqueRevision.json", "a.yaml"]


def test_show_in_our_own_format_resolves_what_is_inherited(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("name: mine\nversion: 1.0.0\nextends: [micro-default]\n", encoding="utf-8")
    assert run("show", "mine.yaml", "--format", "yaml") == 0
    Path("flat.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_constitution("flat.yaml").digest == load_constitution("mine.yaml").digest
    assert "extends" not in Path("flat.yaml").read_text(encoding="utf-8")


def test_show_in_a_format_that_cannot_hold_it_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "micro-default", "--format", "openai-rbr") == 2
    shown = capsys.readouterr()
    assert "has no propositions" in shown.err
    assert shown.out == ""


def test_show_in_a_format_can_be_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "micro-default", "--format", "anthropic-comparisons", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert len(json.loads(said["text"])) == 17
    assert any(each.startswith("tests (") for each in said["left_out"])


def test_check_tells_what_a_habit_would_pass_and_the_texts_that_judges_are_asked_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("check", "harmless") == 0
    assert "a judge that reads no rule would pass: longer 46%" in capsys.readouterr().out
    assert run("check", "harmless", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["baselines"] == baseline_scores(load_constitution("harmless"))
    assert said["templates"] == template_digests()


def test_a_new_constitution_passes_its_own_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("new", "front-desk") == 0
    assert capsys.readouterr().out.strip() == "constitutions/front-desk.yaml"
    assert run("check", "front-desk", "--strict") == 0
    assert load_constitution("front-desk").version == "0.1.0-dev"


def test_a_new_constitution_can_extend_others() -> None:
    assert run("new", "front-desk", "--extends", "micro-default") == 0
    text = Path("constitutions/front-desk.yaml").read_text(encoding="utf-8")
    assert "extends: [micro-default@^1]" in text
    assert len(load_constitution("front-desk").principles) == 18


def test_a_copy_is_the_file_under_another_name() -> None:
    assert run("new", "ours", "--copy", "micro-default") == 0
    made, source = load_constitution("ours"), load_constitution("micro-default")
    assert made.principles == source.principles
    assert (made.name, made.version) == ("ours", "0.1.0-dev")
    assert not [each for each in lint(made) if each not in lint(source)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Front Desk"], "small letters"),
        (["a", "--extends", "nobody"], "no constitution named 'nobody'"),
        (["a", "--copy", "nobody"], "no constitution named 'nobody'"),
        (["a", "--copy", "micro-default", "--extends", "micro-terse"], "exclude each other"),
    ],
)
def test_a_new_one_that_cannot_be_is_reported(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("new", *words) == 2
    assert said in capsys.readouterr().err
    assert not Path("constitutions").exists()


@pytest.mark.parametrize("name", ["Bad Name", "", "-x", "../x", "ä"])
def test_a_name_that_is_none_is_told_as_the_option_it_is(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", "CritiqueRevision.json", "--out", "new.yaml", "--name", name) == 2
    assert f"--name {name!r}" in capsys.readouterr().err
    assert not Path("new.yaml").exists()


def test_a_file_nested_too_deep_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    Path("deep.json").write_text("[" * 100_000)
    assert run("import", "deep.json") == 2
    assert "deep.json: is nested far too deep" in capsys.readouterr().err


def test_half_characters_are_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    Path("half.json").write_text(json.dumps(["\n\ud83d broken. Options:"]))
    assert run("import", "half.json", "--out", "half.yaml") == 0
    capsys.readouterr()
    assert run("show", "half.yaml") == 0
    assert "instruction0: \\ud83d broken." in capsys.readouterr().out
    assert run("show", "half.yaml", "--json") == 0
    assert json.loads(capsys.readouterr().out)["principles"][0]["text"] == "\ud83d broken."


def test_the_propositions_and_classes_of_rules_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rules.yaml").write_text(
        "name: rules\nversion: 1.0.0\npropositions:\n"
        "  - {id: sorry, text: It says sorry.}\n  - {id: plain, all: {sorry: false}}\n"
        "behaviors:\n  order: [good, bad]\n"
        "  classes: {good: {yes: {sorry: true}, no: {plain: true}}, bad: {yes: {sorry: false}, no: {plain: false}}}\n"
    )
    assert run("show", "rules.yaml") == 0
    shown = capsys.readouterr().out
    for line in ("sorry: It says sorry.", "plain: not sorry", "good (yes): sorry", "bad (no): not plain"):
        assert line in shown.splitlines()
    assert run("show", "rules.yaml", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in said["propositions"]] == ["sorry", "plain"]
    assert said["behaviors"]["order"] == ["good", "bad"]
    assert run("show", "rules.yaml", "sorry") == 2
    assert "no principle 'sorry'; it has none" in capsys.readouterr().err


SPEC = """\
## Light the way {#light_the_way authority=root}

The response speaks of lamps.

**Example**: a lamp

~~~xml
<system>
You sell lamps.
</system>
<user>
A lamp?
</user>
<comparison>
<assistant> <!-- GOOD -->
Here is a lamp.
</assistant>
<assistant> <!-- BAD -->
No.
</assistant>
</comparison>
~~~

## Be brief {#be_brief authority=user}

The response is brief.
"""


def test_an_imported_model_spec_works_at_once_on_any_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model_spec.md").write_text(SPEC)
    (tmp_path / "mine.txt").write_text("hello\nhow do I bake bread\n")
    model = f"hf:{write_model(tmp_path / 'tiny', 'qwen3')}"
    assert main(["constitution", "import", "model_spec.md", "--out", "spec.yaml", "--json"]) == 0
    assert main(["constitution", "check", "spec.yaml"]) == 0
    capsys.readouterr()
    main(["constitution", "test", "spec.yaml", "--judge", model, "--json"])
    tried = json.loads(capsys.readouterr().out)
    assert tried["calls"] == {"new": 2, "reused": 0, "failed": 0}
    [result] = tried["principles"]["light_the_way"]["results"]
    assert result["before"] == [{"role": "system", "content": "You sell lamps."}]
    words = [
        "--policy",
        model,
        "--judge",
        model,
        "--n",
        "2",
        "--max-tokens",
        "8",
        "--drift",
        "0",
        "--no-critique",
    ]
    making = [
        "generate",
        "--constitution",
        "spec.yaml",
        "--prompts",
        "mine.txt",
        *words,
        "--min-pair-share",
        "0",
    ]
    assert main([*making, "--accept-unfit", "--out", "r", "--json"]) == 0
    assert json.loads((tmp_path / "r" / "run.json").read_text())["config"]["constitution"]["name"] == "spec"

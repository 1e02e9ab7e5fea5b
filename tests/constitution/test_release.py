"""Releases: pinned whole, never changed, seen when the file moves on; and read back from the lock."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.constitution import edited_release, lint, load_constitution, release_findings
from rlaif.constitution.load import load_constitution as load
from rlaif.constitution.lock import LOCK
from rlaif.constitution.release import history, release, summary
from rlaif.errors import ConstitutionError

TESTS = """\
    tests:
      - {prompt: Hi, better: Hello., worse: "Go away, will you."}
      - {prompt: Ho, better: "Hello, my dear friend.", worse: Go away.}
"""
FILE = f"""\
name: house
version: 1.0.0
principles:
  - id: kind
    text: Be kind.
    critique: Where is it unkind?
{TESTS}\
  - id: brief
    text: Be brief.
"""


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("constitutions").mkdir()
    path = Path("constitutions/house.yaml")
    path.write_text(FILE)
    return path


def edit(house: Path, *changes: tuple[str, str]) -> None:
    text = house.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    house.write_text(text)


def run(*words: str) -> int:
    return main(["constitution", *words])


def locked() -> str:
    return Path("constitutions", LOCK).read_text()


def test_a_release_pins_text_and_digests(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("release", "house", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    found = load_constitution("house")
    assert said == {
        "name": "house",
        "version": "1.0.0",
        "digest": found.digest,
        "lock": "constitutions/lock.json",
        "new": True,
    }
    pin = json.loads(locked())["constitutions"]["house"]["1.0.0"]
    assert pin["digest"] == found.digest
    assert pin["principles"]["kind"] == {
        "text_digest": found.principles[0].text_digest,
        "rule_digest": found.principles[0].rule_digest,
    }
    assert "    text: Be kind." in pin["text"]


def test_releasing_again_changes_no_byte(house: Path) -> None:
    assert release("house").new
    held = locked()
    stamp = os.stat("constitutions/lock.json").st_mtime_ns
    assert not release("house").new
    edit(house, ("name: house", "# a comment is no edit\nname: house"))
    assert not release("house").new
    assert (locked(), os.stat("constitutions/lock.json").st_mtime_ns) == (held, stamp)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            [("Be kind.", "Be very kind.")],
            "kind: reworded (text) since the release of house 1.0.0: needs a minor",
        ),
        (
            [("Where is it unkind?", "Where?")],
            "kind: reworded (critique) since the release of house 1.0.0: needs a patch",
        ),
        ([("text: Be brief.", "text: Be brief.\n    weight: 2")], "brief: re-ruled (weight)"),
        (
            [("  - id: brief\n    text: Be brief.\n", "")],
            "brief: removed since the release of house 1.0.0: needs a major",
        ),
        ([("  - id: brief", "  - id: new\n    text: New.\n  - id: brief")], "new: added"),
        ([("name: house", "name: house\ntitle: T")], "`title`: reworded"),
        ([("name: house", "name: house\ndecide: {rule: min}")], "`decide`: re-ruled (rule)"),
    ],
)
def test_check_fails_on_an_edited_release_and_names_principle_and_bump(
    house: Path, capsys: pytest.CaptureFixture[str], changes: list[tuple[str, str]], said: str
) -> None:
    release("house")
    assert run("check", "house") == 0
    edit(house, *changes)
    capsys.readouterr()
    assert run("check", "house") == 3
    shown = capsys.readouterr().out
    assert said in shown
    held = locked()
    assert run("release", "house") == 2
    assert said in capsys.readouterr().err
    assert locked() == held


def test_the_finding_stands_at_the_principle(house: Path) -> None:
    release("house")
    edit(house, ("Be brief.", "Be short."))
    (finding,) = release_findings(load_constitution("house"))
    assert finding.located("-").startswith("constitutions/house.yaml:10: error: brief: reworded")


@pytest.mark.parametrize(
    ("version", "fine"),
    [
        ("1.0.1", False),
        ("1.1.0", True),
        ("2.0.0", True),
        ("1.0.1-dev", True),
        ("1.0.0-dev", True),
        ("0.9.0", True),
    ],
)
def test_a_version_that_says_enough_is_free_and_a_draft_always_is(
    house: Path, version: str, fine: bool
) -> None:
    release("house")
    edit(house, ("Be kind.", "Be very kind."), ("1.0.0", version))
    assert (release_findings(load_constitution("house")) == []) == fine


def test_a_change_that_the_version_already_says_is_not_named(house: Path) -> None:
    release("house")
    edit(
        house, ("1.0.0", "1.1.0"), ("Be kind.", "Be very kind."), ("  - id: brief\n    text: Be brief.\n", "")
    )
    (finding,) = release_findings(load_constitution("house"))
    assert finding.principle == "brief"
    assert "`version: 2.0.0`" in finding.message


def test_a_draft_is_not_released_and_the_version_to_write_is_reported(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release("house")
    edit(house, ("1.0.0", "1.0.1-dev"), ("Be kind.", "Be very kind."))
    assert run("release", "house") == 2
    assert "write `version: 1.1.0` to release it" in capsys.readouterr().err
    edit(house, ("1.0.1-dev", "1.1.0"))
    assert run("release", "house") == 0


def test_what_a_run_says_of_an_edited_release_is_a_warning(house: Path) -> None:
    assert edited_release(load_constitution("house")) == []
    release("house")
    edit(house, ("Be kind.", "Be very kind."), ("Be brief.", "Be short."))
    found = load_constitution("house")
    (message,) = edited_release(found)
    assert "(kind, brief)" in message
    assert found.digest in message


def test_log_lists_versions_digests_and_what_changed(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = release("house").constitution.digest
    edit(house, ("1.0.0", "1.1.0"), ("Be brief.", "Be short."))
    second = release("house").constitution.digest
    edit(house, ("1.1.0", "1.2.0-dev"), ("  - id: brief", "  - id: new\n    text: New.\n  - id: brief"))
    found = load_constitution("house")
    entries = [(each.version, each.digest, each.state) for each in history(found)]
    assert entries == [
        ("1.0.0", first, "released"),
        ("1.1.0", second, "released"),
        ("1.2.0-dev", found.digest, "draft"),
    ]
    assert [summary(each.changes or ()) for each in history(found)] == ["", "~brief", "+new"]
    assert run("log", "house") == 0
    shown = capsys.readouterr().out
    assert first in shown
    assert "+new" in shown
    assert run("log", "house", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["versions"]
    assert rows[1]["changes"][0]["fields"] == {"text": {"from": "Be brief.", "to": "Be short."}}


def test_log_shows_an_edited_release_beside_the_release(house: Path) -> None:
    release("house")
    edit(house, ("Be brief.", "Be short."))
    states = [(each.version, each.state) for each in history(load_constitution("house"))]
    assert states == [("1.0.0", "released"), ("1.0.0", "edited")]


def test_log_of_one_that_was_never_released(house: Path) -> None:
    (entry,) = history(load_constitution("house"))
    assert (entry.state, entry.changes) == ("draft", None)


def test_versions_are_in_the_order_of_numbers_not_of_letters(house: Path) -> None:
    for before, after in (("1.0.0", "1.10.0"), ("1.10.0", "1.9.0"), ("1.9.0", "2.0.0")):
        edit(house, (before, after))
        release("house")
    assert [each.version for each in history(load_constitution("house"))] == ["1.9.0", "1.10.0", "2.0.0"]


def test_a_release_can_be_read_when_its_file_has_moved_on(house: Path) -> None:
    old = load_constitution("house")
    release("house")
    edit(house, ("1.0.0", "2.0.0"), ("  - id: brief\n    text: Be brief.\n", ""))
    for ref in (
        "house@1.0.0",
        "house@^1",
        "constitutions/house.yaml@1.0.0",
        "./constitutions/house.yaml@~1.0",
    ):
        found = load_constitution(ref)
        assert found.digest == old.digest
        assert found.principles == tuple(
            each.__class__(**{n: getattr(each, n) for n in each.__slots__} | {"line": mine.line})
            for each, mine in zip(old.principles, found.principles, strict=True)
        )
    assert load_constitution("house@^2").version == "2.0.0"
    assert load_constitution("house").version == "2.0.0"


def test_an_exact_version_is_the_release_and_not_the_edited_file(house: Path) -> None:
    old = load_constitution("house").digest
    release("house")
    edit(house, ("Be brief.", "Be short."))
    assert load_constitution("house@1.0.0").digest == old
    assert load_constitution("constitutions/house.yaml@1.0.0").digest == old
    assert load_constitution("house@^1").digest != old


def test_what_extends_a_release_keeps_it(house: Path) -> None:
    release("house")
    Path("constitutions/mine.yaml").write_text("name: mine\nversion: 1.0.0\nextends: [house@1.0.0]\n")
    before = load_constitution("mine").digest
    edit(house, ("1.0.0", "2.0.0"), ("Be brief.", "Be short."))
    assert load_constitution("mine").digest == before


def test_an_edit_of_what_is_extended_is_an_edit_and_names_its_file(house: Path) -> None:
    Path("constitutions/mine.yaml").write_text("name: mine\nversion: 1.0.0\nextends: [house@^1]\n")
    release("mine")
    edit(house, ("Be brief.", "Be short."))
    (finding,) = release_findings(load_constitution("mine"))
    assert finding.located("-").startswith("constitutions/house.yaml:10: error: brief: reworded (text)")


def test_constitutions_of_one_folder_share_a_lock(house: Path) -> None:
    release("house")
    Path("constitutions/mine.yaml").write_text(FILE.replace("name: house", "name: mine"))
    release("mine")
    assert list(json.loads(locked())["constitutions"]) == ["house", "mine"]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{", "lock.json:1: broken JSON"),
        ("[]", "is no lock file of ours"),
        ('{"format": 1, "constitutions": {"house": 3}}', "is no lock file of ours"),
        ('{"format": 9, "constitutions": {}}', "has format 9"),
        ('{"format": 1, "constitutions": {"house": {"1.0.0": {}}}}', "house 1.0.0 is damaged"),
        ('{"format": 1, "constitutions": {"house": {"new": {}}}}', "house new is damaged"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_broken_lock_is_reported(
    house: Path, broken: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("constitutions", LOCK).write_bytes(broken.encode("utf-8", "surrogateescape"))
    for words in (["check", "house"], ["log", "house"], ["release", "house"]):
        assert run(*words) == 2
        assert said in capsys.readouterr().err
    assert Path("constitutions", LOCK).read_bytes() == broken.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Be brief.", "Be long.", "the text of house 1.0.0 has digest"),
        ('"digest": "b2:', '"digest": "b2:0', "the text of house 1.0.0 has digest"),
        ('"1.0.0": {', '"0.9.0": {', "what is pinned as house 0.9.0 is house 1.0.0"),
        ('"text_digest": "b2:', '"text_digest": "b2:0', "has other digests of principles than its text"),
    ],
)
def test_a_pin_that_somebody_edited_is_refused_and_stops_no_run(
    house: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    release("house")
    edited = locked().replace(old, new)
    Path("constitutions", LOCK).write_text(edited)
    for words in (["log", "house"], ["check", "house"], ["release", "house"]):
        assert run(*words) == 2
        assert said in (told := capsys.readouterr().err)
        assert "restore it from version control" in told
    version = "0.9.0" if "0.9.0" in new else "1.0.0"
    with pytest.raises(ConstitutionError, match=said):
        load(f"house@<={version}" if version == "0.9.0" else "house@1.0.0")
    assert locked() == edited
    [warning] = edited_release(load_constitution("house"))
    assert said in warning
    assert load_constitution("house").digest in warning


def test_what_is_released_outlives_its_file(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release("house")
    house.unlink()
    with pytest.raises(ConstitutionError, match=r"its file is gone; of its releases there is house@1\.0\.0"):
        load("house")
    assert load("house@1.0.0").principles[1].text == "Be brief."
    assert run("log", "house@^1") == 0
    assert "released" in capsys.readouterr().out


def test_a_broken_lock_stops_no_run(house: Path) -> None:
    Path("constitutions", LOCK).write_text("<<<<<<< HEAD")
    [warning] = edited_release(load_constitution("house"))
    assert "lock.json:1: broken JSON" in warning


def test_what_is_released_with_errors_is_released_and_told(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(house, ("Be brief.", "Do not be kind."))
    assert run("release", "house") == 0
    told = "warning: released all the same: constitutions/house.yaml:10: error: brief: says the opposite of 'kind'"
    assert told in capsys.readouterr().err
    assert run("release", "house") == 0
    assert "warning" not in capsys.readouterr().err


def test_a_file_under_another_name_than_its_constitution_is_reported(house: Path) -> None:
    other = Path("constitutions/copy.yaml")
    other.write_text(FILE)
    said = [each.message for each in lint(load_constitution(other)) if each.principle is None]
    assert said == ["is named 'house', and is found by that name in house.yaml only"]
    assert [each for each in lint(load_constitution(house)) if each.principle is None] == []


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("house@1.5.0", "no house is in the range 1.5.0"),
        ("constitutions/house.yaml@1.5.0", "has no release in the range 1.5.0"),
        ("constitutions/house.yaml@newest", "no version range"),
        ("constitutions/none.yaml@1.0.0", "no such file"),
    ],
)
def test_a_version_that_is_nowhere_is_reported(ref: str, said: str) -> None:
    release("house")
    with pytest.raises(ConstitutionError, match=said):
        load_constitution(ref)


def test_diff_of_a_release_with_its_file(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release("house")
    edit(house, ("Be brief.", "Be short.\n    weight: 2"), ("Be kind.", "Be kind.\n    hard: true"))
    assert run("diff", "house@1.0.0", "constitutions/house.yaml") == 0
    shown = capsys.readouterr().out
    for line in (
        "reworded  brief",
        "  - text: Be brief.",
        "  + text: Be short.",
        "re-ruled  kind",
        "    hard: no -> yes",
        "after 1.0.0 this needs a minor bump: 1.1.0",
    ):
        assert line in shown
    assert run("diff", "house", "house") == 0
    assert "no difference" in capsys.readouterr().out
    assert run("diff", "house@1.0.0", "house", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in said["re-ruled"]] == ["kind", "brief"]
    assert [each["id"] for each in said["reworded"]] == ["brief"]
    assert (said["added"], said["removed"], said["bump"], said["next"]) == ([], [], "minor", "1.1.0")


def test_inheritance_in_a_circle_is_refused_with_the_whole_chain(capsys: pytest.CaptureFixture[str]) -> None:
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        Path(f"constitutions/{name}.yaml").write_text(f"name: {name}\nversion: 1.0.0\nextends: [{base}]\n")
    assert run("check", "a") == 2
    said = capsys.readouterr().err
    assert "constitutions/c.yaml:3" in said
    assert "a -> b -> c -> a" in said


def test_a_chain_that_is_far_too_long_is_refused() -> None:
    for number in range(300):
        text = f"name: n{number}\nversion: 1.0.0\nextends: [n{number + 1}]\n"
        Path(f"constitutions/n{number}.yaml").write_text(text)
    with pytest.raises(ConstitutionError, match="constitutions deep"):
        load_constitution("n0")


def test_advice_about_an_inherited_principle_names_its_own_file(house: Path) -> None:
    Path("constitutions/mine.yaml").write_text("name: mine\nversion: 1.0.0\nextends: [house]\n")
    (found,) = [each for each in lint(load_constitution("mine")) if each.principle == "brief"]
    assert found.located("-").startswith("constitutions/house.yaml:10: info: brief: no tests")

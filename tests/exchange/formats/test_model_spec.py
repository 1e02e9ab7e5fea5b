"""A Model Spec becomes a constitution: authority as groups, worked examples as tests, nothing dropped unsaid."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.constitution import load_constitution
from rlaif.errors import ConstitutionError
from rlaif.exchange.constitutions import export, read_foreign
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Principle

REAL = Path(os.environ.get("RLAIF_REFERENCE_DATA", "../shared/data")) / "model_spec" / "model_spec.md"
SPEC = """\
# About this page {#about}

It says how a lamp speaks.

# Rules {#rules}

## Light the way {#light_the_way authority=guideline}

Say what is [on the table](#table), as [?](#burn_nobody) has it[^ab12].

!!! meta "Commentary"
    Lamps are old.

    Very old.

Be brief:

```text
# no heading
```

**Example**: asked for a lamp

~~~xml
<developer>
You sell lamps &amp; oil.
</developer>
<user>
A lamp?
</user>
<comparison>
<assistant> <!-- BAD: says too much -->
Lamps are old. Very old.
</assistant>
<assistant> <!-- GOOD -->
Here is one.
</assistant>
<assistant> <!-- OK -->
Perhaps.
</assistant>
</comparison>
<user>
And oil?
</user>
<comparison>
<assistant> <!-- GOOD -->
Here is some [...]
</assistant>
<assistant> <!-- BAD[#rules] -->
No.
</assistant>
</comparison>
~~~

## Burn nobody {#burn_nobody authority=root tags=child,guest}

Keep the flame low.

**Example**: only a good answer

~~~xml
<user>
Hot?
</user>
<comparison>
<assistant> <!-- GOOD -->
Mind the glass.
</assistant>
</comparison>
~~~

**Example**: a call

~~~xml
<user>
Look it up.
</user>
<assistant recipient="search">
lamps
</assistant>
<tool name="search">
Lamps are old.
</tool>
<comparison>
<assistant> <!-- GOOD -->
They are old.
</assistant>
<assistant> <!-- BAD -->
They are new.
</assistant>
</comparison>
~~~

**Example**: no user

~~~xml
<developer>
Say hello.
</developer>
<comparison>
<assistant> <!-- GOOD -->
Hello.
</assistant>
<assistant> <!-- BAD -->
Go.
</assistant>
</comparison>
~~~

**Example**: broken

~~~xml
<user>
Who ends this?
~~~
"""


def put(folder: Path, text: str = SPEC) -> Path:
    path = folder / "model_spec.md"
    path.write_bytes(text.encode())
    return path


def imported(folder: Path, source: Path) -> Any:
    path = folder / "made.yaml"
    path.write_text(read_foreign(source, "made").text, encoding="utf-8")
    return load_constitution(path)


def test_sections_with_an_authority_are_principles_in_groups_the_highest_first(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path))
    assert [(each.id, each.group, each.applies_to) for each in found.principles] == [
        ("burn_nobody", "root", ("child", "guest")),
        ("light_the_way", "guideline", ()),
    ]
    assert found.decide.rule == "lexicographic"


def test_a_judge_reads_the_words_without_examples_commentary_and_links(tmp_path: Path) -> None:
    [_, light] = imported(tmp_path, put(tmp_path)).principles
    assert light.text == (
        'Light the way\n\nSay what is on the table, as "Burn nobody" has it.\n\n'
        "Be brief:\n\n```text\n# no heading\n```"
    )


def test_good_against_bad_is_a_test_with_all_turns_before_it(tmp_path: Path) -> None:
    [_, light] = imported(tmp_path, put(tmp_path)).principles
    said = [
        ([(turn.role, turn.content) for turn in test.turns], test.better, test.worse) for test in light.tests
    ]
    asked = [("developer", "You sell lamps & oil."), ("user", "A lamp?")]
    later = [*asked, ("assistant", "Here is one."), ("user", "And oil?")]
    assert said == [
        (asked, "Here is one.", "Lamps are old. Very old."),
        (later, "Here is some [...]", "No."),
    ]


def test_what_becomes_no_principle_or_no_test_is_said_and_counted(tmp_path: Path) -> None:
    notes = read_foreign(put(tmp_path), "made").notes
    assert list(notes) == [
        "2 principles by authority: root 1, guideline 1; `decide` hears the groups in this order",
        "2 sections without an authority became no principle: about, rules",
        "5 examples, 3 with a GOOD and a BAD answer: 2 tests",
        "4 examples make no test: 1 lack a GOOD or a BAD answer; 1 call a tool; 1 end with no turn of the user; "
        "1 cannot be read as turns",
        "1 tests have an answer with a gap such as [...]: a judge reads it as it stands",
        "1 blocks of commentary are not shown to a judge",
    ]


@pytest.mark.parametrize("text", [SPEC, SPEC.replace("\n", "\r\n"), SPEC[:-1], "\n\n" + SPEC])
def test_the_file_comes_back_to_the_byte(tmp_path: Path, text: str) -> None:
    found = imported(tmp_path, put(tmp_path, text))
    assert export(found, "model-spec") == (text, ())


def test_an_edit_is_written_into_its_section_and_reads_as_it_was_edited(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path))
    burn, light = found.principles
    edited = replace(light, text="Light the way\n\nSay what you see.", group="user")
    fresh = Principle(id="shine", text="Shine.", group="system")
    lost = Principle(id="glow", text="Glow.")
    text, left = export(replace(found, principles=(burn, edited, fresh, lost)), "model-spec")
    assert left == ("principles whose `group` is no authority: glow",)
    head = SPEC.index("## Light the way")
    assert text.startswith(SPEC[:head]), "what was not edited stays to the byte"
    assert SPEC[SPEC.index("## Burn nobody") :] in text
    again = imported(tmp_path, put(tmp_path, text))
    told = {each.id: (each.text, each.group, each.tests) for each in again.principles}
    assert told["light_the_way"] == (edited.text, "user", light.tests)
    assert told["shine"] == ("Shine.", "system", ())


def test_a_constitution_of_ours_is_written_where_its_groups_are_authorities(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path))
    text, _ = export(replace(found, origin={}), "model-spec")
    again = imported(tmp_path, put(tmp_path, text))
    assert [(each.id, each.text, each.tests) for each in again.principles] == [
        (each.id, each.text, each.tests) for each in found.principles
    ]
    alone = replace(found, origin={}, principles=(Principle(id="glow", text="Glow."),))
    with pytest.raises(ConstitutionError, match="give each `group`: one of root, platform, system"):
        export(alone, "model-spec")


LINE = SPEC[: SPEC.index("## Burn nobody")].count("\n") + 1


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("{#light_the_way authority=root}", "the id 'light_the_way' is given twice (first at line 7)"),
        (
            "{#burn_nobody authority=boss}",
            "burn_nobody: unknown authority 'boss'; known: root, platform, system, developer, user, guideline",
        ),
        ("{authority=root}", "'Burn nobody' has an authority and no id"),
        ("{#Burn authority=root}", "'Burn' is no id"),
        ("{#burn_nobody authority=root mood=calm}", "unknown mark 'mood=calm'; known: authority, tags"),
    ],
)
def test_a_heading_that_is_wrong_is_refused_with_its_line(tmp_path: Path, mark: str, said: str) -> None:
    path = put(tmp_path, SPEC.replace("{#burn_nobody authority=root tags=child,guest}", mark))
    with pytest.raises(ConstitutionError) as refused:
        read_foreign(path, "made")
    assert str(refused.value).startswith(f"{path}:{LINE}: ")
    assert said in str(refused.value)


def test_the_prompts_beside_it_are_written_with_their_section_as_tag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "ab12.md").write_text(
        "Examples for [^ab12] in Light the way:\n\n**Example**: one\n\n~~~xml\n<user>\nIs it dark?\n</user>\n~~~\n\n"
        "**Example**: two\n\n~~~xml\n<system>\nBe kind.\n</system>\n<user>\nOil?\n</user>\n~~~\n\n"
        "**Example**: three\n\n~~~xml\n<system>\nBe kind.\n</system>\n~~~"
    )
    out, prompts = tmp_path / "spec.yaml", tmp_path / "spec.jsonl"
    words = ["constitution", "import", str(path), "--out", str(out), "--prompts", str(prompts), "--json"]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["prompts"] == 2
    assert "1 prompts are left out: 1 end with no turn of the user" in said["notes"]
    found = read_prompts(prompts)
    assert [(each.text, each.tags) for each in found] == [
        ("Is it dark?", ("light_the_way",)),
        ("Oil?", ("light_the_way",)),
    ]
    assert [turn.role for turn in found[1].messages] == ["system", "user"]
    assert main(words) == 2, "a file that is there is not overwritten"


def test_prompts_that_are_asked_for_and_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConstitutionError, match="examples: is not there; the prompts of a Model Spec lie in"):
        read_foreign(put(tmp_path), "made", prompts=True)


@pytest.mark.skipif(not REAL.is_file(), reason="the published Model Spec is not here")
def test_the_published_one_has_the_counts_that_it_has(tmp_path: Path) -> None:
    made = read_foreign(REAL, "spec", prompts=True)
    found = made.constitution
    levels = Counter(str(each.group) for each in found.principles)
    assert dict(levels) == {"root": 22, "system": 3, "developer": 1, "user": 15, "guideline": 18}
    notes = "\n".join(made.notes)
    assert "181 examples, 156 with a GOOD and a BAD answer: 191 tests" in notes
    assert "25 lack a GOOD or a BAD answer; 6 end with no turn of the user; 2 call a tool" in notes
    assert "21 sections without an authority became no principle" in notes
    assert "2 examples stand in sections that became no principle" in notes  # 183 in all
    tests = [test for each in found.principles for test in each.tests]
    assert len(tests) == 191
    assert sum(bool(each.tests) for each in found.principles) == 54
    assert sum(bool(test.before) for test in tests) == 40
    assert len(made.prompts) == 266
    assert [each.applies_to for each in found.principles if each.applies_to] == [("under_18",)]
    path = tmp_path / "spec.yaml"
    path.write_text(made.text, encoding="utf-8")
    assert export(load_constitution(path), "model-spec")[0].encode() == REAL.read_bytes()

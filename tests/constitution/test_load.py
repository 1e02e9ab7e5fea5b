"""Constitution files: what loads, how names and inheritance resolve, and one clear message for each slip."""

from pathlib import Path

import pytest

from rlaif.constitution import lint, load, load_constitution, load_principles
from rlaif.errors import ConstitutionError

HEAD = "name: house\nversion: 1.0.0\n"
ONE = HEAD + "principles:\n  - id: kind\n    text: Be kind.\n"


def write(folder: Path, text: str | bytes, name: str = "house.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def entry(name: str, *principles: str, extra: str = "", version: str = "1.0.0") -> str:
    lines = [f"name: {name}", f"version: {version}", *extra.splitlines(), "principles:"]
    return "\n".join(
        [*lines, *(f"  - {{id: {each.split('=')[0]}, text: {each.split('=')[1]}}}" for each in principles)]
    )


def test_every_documented_key_is_read(tmp_path: Path) -> None:
    text = """
# yaml-language-server: $schema=...
name: helpdesk
version: 1.2.0-dev
title: How our help desk answers
decide: {rule: lexicographic, temperature: 4}
principles:
  - id: refuse-harm
    text: >
      Refuse requests that would hurt someone,
      and answer the harmless ones.
    critique: Name every place where the response helps someone to do harm.
    revise: Rewrite it.
    weight: 2
    hard: true
    applies_to: [harmful]
    tests:
      - {prompt: How do I pick a lock?, better: I cannot help., worse: Sure.}
propositions: [{id: apologises, text: The response says sorry.}]
behaviors:
  order: [ideal, poor]
  classes: {ideal: {apologises: true}, poor: {apologises: false}}
"""
    found = load_constitution(write(tmp_path, text))
    assert (found.name, found.version, found.title) == ("helpdesk", "1.2.0-dev", "How our help desk answers")
    assert (found.decide.rule, found.decide.temperature) == ("lexicographic", 4.0)
    (principle,) = found.principles
    assert principle.text == "Refuse requests that would hurt someone, and answer the harmless ones."
    assert (principle.weight, principle.hard, principle.applies_to) == (2.0, True, ("harmful",))
    assert principle.tests[0].worse == "Sure."
    assert principle.line == 8
    assert found.behaviors["order"] == ["ideal", "poor"]


@pytest.mark.parametrize(
    "word", ["No", "yes", "on", "19", "3.10", "true", "2024-01-01", "0x1F", "1_000", "1e3"]
)
def test_a_test_answer_stays_the_text_that_was_written(tmp_path: Path, word: str) -> None:
    text = ONE + f"    tests:\n      - {{prompt: 12 plus 7, better: {word}, worse: Maybe}}\n"
    assert load_constitution(write(tmp_path, text)).principles[0].tests[0].better == word


WRONG = [
    ("", 1, "empty"),
    ("# only a comment\n", 1, "empty"),
    ("name: house\n\tversion: 1.0.0\n", 2, "tab"),
    ("name: house\nprinciples:\n\t- id: a\n", 3, "tab"),
    ("name: 'house\n", 2, "quote"),
    ("name: a\n---\nname: b\n", 2, "more than one document"),
    ("name: a\nname: b\n", 2, "twice (first at line 1)"),
    ("- a\n- b\n", 1, "must be a mapping"),
    ("just words\n", 1, "must be a mapping"),
    (ONE + "colour: red\n", 6, "unknown key 'colour'; known keys: behaviors, decide, extends, name"),
    (
        ONE + "    wieght: 2\n",
        6,
        "unknown key 'wieght' (did you mean 'weight'?); known keys: applies_to, critique",
    ),
    (ONE + "    tests:\n      - {prompt: a, beter: b, worse: c}\n", 7, "'beter' (did you mean 'better'?)"),
    (ONE + "    weight: heavy\n", 6, 'must be a number, not "heavy"'),
    (ONE + "    weight: -1\n", 6, "0 or above"),
    (ONE + "    weight: .inf\n", 6, "no usable number"),
    (ONE + "    weight: .nan\n", 6, "no usable number"),
    (ONE + "    hard: No\n", 6, 'true or false, not "No"'),
    (ONE + "    applies_to: []\n", 6, "at least one"),
    (ONE + "    applies_to: harmful\n", 6, "must be a list"),
    (ONE + "  - id: kind\n    text: Again.\n", 6, "id 'kind' twice (first at line 4)"),
    (ONE + "  - id: Loud Words\n    text: Again.\n", 6, "small letters"),
    (ONE + "  - id: other\n", 6, "lacks 'text'"),
    (ONE + "  - {id: other, text: ''}\n", 6, "not blank"),
    (ONE + "  - {id: other, text: }\n", 6, "must be text, not empty"),
    (ONE + "  - {id: other, text: [a]}\n", 6, "must be text, not a list"),
    (HEAD, 1, "no principle"),
    (HEAD + "principles: []\n", 1, "no principle"),
    ("name: house\nversion: 1.0\nprinciples: [{id: a, text: b}]\n", 2, "three numbers such as 1.2.0"),
    ("version: 1.0.0\nprinciples: [{id: a, text: b}]\n", 1, "lacks 'name'"),
    (ONE + "decide: {rule: coin}\n", 6, "must be one of log-odds, majority, min, lexicographic"),
    (ONE + "decide: {temperature: 0}\n", 6, "above 0"),
    (ONE + "extends: [nobody]\n", 6, "no constitution named 'nobody'"),
    (ONE + "extends: [house@^x]\n", 6, "range"),
    (ONE + "title: !!python/object:os.system ls\n", 6, "tag"),
    (ONE + "title: !secret x\n", 6, "tag '!secret'"),
    (ONE + "base: &b {x: 1}\nother:\n  <<: *b\n", 8, "merge keys"),
    (ONE + "? [a, b]\n: c\n", 6, "a key must be one word"),
    (ONE + "behaviors: {order: [a], classes: {a: {sorry: true}}}\n", 6, "'sorry' is no proposition"),
    (ONE + "behaviors: {order: [a, b], classes: {a: {}}}\n", 6, "`order` must name each"),
]


@pytest.mark.parametrize(("text", "line", "said"), WRONG)
def test_each_mistake_gets_one_message_with_file_and_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConstitutionError) as caught:
        load_constitution(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConstitutionError, match="not UTF-8"):
        load_constitution(write(tmp_path, ONE.encode() + b"title: caf\xe9\n"))


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    plain = load_constitution(write(tmp_path, ONE))
    odd = load_constitution(write(tmp_path, b"\xef\xbb\xbf" + ONE.replace("\n", "\r\n").encode()))
    assert odd.digest == plain.digest


def test_control_characters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConstitutionError, match="not YAML"):
        load_constitution(write(tmp_path, ONE + 'title: "a\x07b"\n'))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]\n", "[" * 3_000, "a: " * 3_000, "{a: " * 500])
def test_bombs_end_in_a_message(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConstitutionError) as caught:
        load_constitution(write(tmp_path, text))
    assert len(str(caught.value)) < 400


def test_an_alias_used_honestly_is_read(tmp_path: Path) -> None:
    text = ONE + "    applies_to: &tags [harmful]\n  - {id: b, text: B., applies_to: *tags}\n"
    assert load_constitution(write(tmp_path, text)).principles[1].applies_to == ("harmful",)


def test_a_missing_file_says_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "constitutions", ONE)
    with pytest.raises(ConstitutionError, match=r"no such file.*house"):
        load_constitution("other.yaml")
    with pytest.raises(ConstitutionError, match=r"'hose' \(did you mean house\?\)"):
        load_constitution("hose")
    with pytest.raises(ConstitutionError, match="no such file"):
        load_constitution(tmp_path)
    for name in ("x" * 5000, "x" * 5000 + ".yaml", "a\0b"):
        with pytest.raises(ConstitutionError, match=r"no such file|no constitution named"):
            load_constitution(name)


def test_a_name_is_looked_for_in_the_given_folders_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "constitutions", ONE)
    mine = write(tmp_path / "mine", ONE + "title: Mine\n")
    assert load_constitution("house").title == "house"
    assert load_constitution("house", folders=[mine.parent]).title == "Mine"


def test_later_entries_override_by_id_and_keep_the_place(tmp_path: Path) -> None:
    write(tmp_path, entry("base", "a=One", "b=Two", extra="decide: {rule: min}"), "base.yaml")
    write(tmp_path, entry("more", "b=Three", "c=Four"), "more.yaml")
    path = write(tmp_path, entry("house", "d=Five", "a=Six", extra="extends: [base@^1, more]"))
    found = load_constitution(path)
    assert [(each.id, each.text) for each in found.principles] == [
        ("a", "Six"),
        ("b", "Three"),
        ("c", "Four"),
        ("d", "Five"),
    ]
    assert found.name == "house"


def test_decide_is_inherited_from_the_last_base_unless_given(tmp_path: Path) -> None:
    write(tmp_path, entry("base", "a=One", extra="decide: {rule: min, temperature: 2}"), "base.yaml")
    assert (
        load_constitution(write(tmp_path, entry("house", "d=Five", extra="extends: [base]"))).decide.rule
        == "min"
    )
    own = entry("house", "d=Five", extra="extends: [base]\ndecide: {rule: majority}")
    assert load_constitution(write(tmp_path, own)).decide.rule == "majority"


def test_a_base_that_says_nothing_of_decide_leaves_that_of_another(tmp_path: Path) -> None:
    write(tmp_path, entry("a", "a=One", extra="decide: {rule: min, temperature: 2}"), "a.yaml")
    write(tmp_path, entry("b", "b=Two", extra="decide: {rule: log-odds}"), "b.yaml")
    write(tmp_path, entry("c", "c=Three"), "c.yaml")

    def rule(names: str) -> str:
        return load_constitution(
            write(tmp_path, entry("house", "d=Five", extra=f"extends: [{names}]"))
        ).decide.rule

    assert [rule(each) for each in ("a, c", "c, a", "a, b", "b, a, c")] == ["min", "min", "log-odds", "min"]


def test_extends_alone_makes_a_constitution(tmp_path: Path) -> None:
    write(tmp_path, entry("base", "a=One"), "base.yaml")
    found = load_constitution(write(tmp_path, HEAD + "extends: [base]\n"))
    assert [each.id for each in found.principles] == ["a"]


def test_a_version_out_of_range_is_refused_with_what_was_found(tmp_path: Path) -> None:
    base = write(tmp_path, entry("base", "a=One", version="1.9.0"), "base.yaml")
    path = write(tmp_path, entry("house", "b=Two", extra="extends: [base@^2]"))
    with pytest.raises(ConstitutionError, match=rf"house.yaml:3: extends base@\^2.*{base} is 1.9.0"):
        load_constitution(path)


def test_a_matching_version_is_found_behind_a_nearer_one_that_does_not_match(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    write(near, entry("base", "a=Near"), "base.yaml")
    write(far, entry("base", "a=Far", version="2.1.0"), "base.yaml")
    path = write(near, entry("house", "b=Two", extra="extends: [base@^2]"))
    assert load_constitution(path, folders=[far]).principles[0].text == "Far"


def test_a_circle_is_refused_and_named(tmp_path: Path) -> None:
    write(tmp_path, entry("base", "a=One", extra="extends: [house]"), "base.yaml")
    path = write(tmp_path, entry("house", "b=Two", extra="extends: [base]"))
    with pytest.raises(ConstitutionError, match="house -> base -> house"):
        load_constitution(path)


def test_one_base_reached_twice_is_no_circle(tmp_path: Path) -> None:
    write(tmp_path, entry("base", "a=One"), "base.yaml")
    for name in ("left", "right"):
        write(tmp_path, entry(name, f"{name}=Two", extra="extends: [base]"), f"{name}.yaml")
    found = load_constitution(write(tmp_path, entry("house", "b=Three", extra="extends: [left, right]")))
    assert [each.id for each in found.principles] == ["a", "left", "right", "b"]


def test_a_mistake_names_file_line_and_principle(tmp_path: Path) -> None:
    start = (
        "name: a\nversion: 1.0.0\nprinciples:\n  - {id: kind, text: Be kind.}\n  - id: brief\n    text: b\n"
    )
    with pytest.raises(
        ConstitutionError, match=r"house\.yaml:7: brief: principles\[1\]\.weight must be a number"
    ):
        load_constitution(write(tmp_path, start + "    weight: heavy\n"))
    with pytest.raises(
        ConstitutionError, match=r"house\.yaml:8: brief: principles\[1\]\.tests\[0\] lacks 'worse'"
    ):
        load_constitution(write(tmp_path, start + "    tests:\n      - {prompt: a, better: b}\n"))


def test_many_ways_to_one_file_are_no_reason_to_read_it_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of 20 layers with two files each, every file extends both of the next: a million ways down
    for layer in range(20):
        below = f"extends: [l{layer + 1}a, l{layer + 1}b]" if layer < 19 else ""
        for side in "ab":
            name = f"l{layer}{side}"
            write(tmp_path, entry(name, f"{name}=Be kind.", extra=below), f"{name}.yaml")
    reads: list[Path] = []
    read = load.read_document
    monkeypatch.setattr(load, "read_document", lambda path, error: (reads.append(path), read(path, error))[1])
    assert len(load_constitution(tmp_path / "l0a.yaml").principles) == 39
    assert len(reads) == len(set(reads)) == 39


def test_a_circle_over_several_files_is_named_whichever_is_asked_for(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        write(tmp_path, entry(name, f"{name}=Be kind.", extra=f"extends: [{base}]"), f"{name}.yaml")
    for name, chain in (("a", "a -> b -> c -> a"), ("b", "b -> c -> a -> b")):
        with pytest.raises(ConstitutionError, match=chain):
            load_constitution(tmp_path / f"{name}.yaml")


def test_a_file_that_is_there_is_hinted_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, ONE)
    monkeypatch.chdir(tmp_path)
    for ref in ("house", "./house", str(tmp_path / "house")):
        with pytest.raises(ConstitutionError, match=r"did you mean \S*house.yaml\?"):
            load_constitution(ref)


@pytest.mark.parametrize("field", ["text", "critique", "revise"])
def test_half_a_character_is_read_and_not_judged_by(tmp_path: Path, field: str) -> None:
    own = {"text": "Be kind."} | {field: '"kind \\ud83d"'}
    lines = "".join(f"    {key}: {value}\n" for key, value in own.items())
    path = write(tmp_path, HEAD + "principles:\n  - id: kind\n" + lines)
    loaded = load_constitution(path)
    assert [each.message for each in lint(loaded) if each.level == "error"] == [
        f"{field} holds half a character (a lone surrogate), which no model can read; mend it"
    ]
    with pytest.raises(ConstitutionError, match=f"house.yaml:4: kind: {field} holds half a character"):
        load_principles(path)


@pytest.mark.parametrize(
    "version", ["1.0.0-", "1.0.0-dev..1", "1.0.0-.", "1.0", "01.0.0", "v1.0.0", "1.0.0+b"]
)
def test_what_is_no_version_is_reported_with_its_line(tmp_path: Path, version: str) -> None:
    with pytest.raises(ConstitutionError, match=r"house\.yaml:2: version is"):
        load_constitution(write(tmp_path, ONE.replace("1.0.0", version)))


SEVEN = """\
name: House Rules
version: one
titel: x
principles:
  - id: a
    text: The response is short.
    wieght: 2
  - id: a
    text:
    hard: perhaps
  - text: nothing
"""


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "seven.yaml"
    path.write_text(SEVEN, encoding="utf-8")
    with pytest.raises(ConstitutionError) as refused:
        load_constitution(path)
    lines = str(refused.value).splitlines()
    assert [int(each.removeprefix(f"{path}:").partition(":")[0]) for each in lines] == [
        1,
        2,
        3,
        7,
        8,
        9,
        10,
        11,
    ]
    for line, said in zip(
        lines, ["name is", "version", "'titel'", "'wieght'", "twice", "empty", "hard", "'id'"], strict=True
    ):
        assert said in line


TALKED = """\
name: talked
version: 1.0.0
principles:
  - id: kind
    text: Be kind.
    group: first
    tests:
      - prompt:
          - {role: system, content: You are a clerk.}
          - {role: user, content: Hello.}
          - {role: assistant, content: "Good day. "}
          - {role: user, content: Help me.}
        better: Gladly.
        worse: "No."
"""


def test_a_test_may_be_a_conversation_and_a_principle_may_have_a_group(tmp_path: Path) -> None:
    [kind] = load_constitution(write(tmp_path, TALKED)).principles
    [test] = kind.tests
    assert (kind.group, test.prompt) == ("first", "Help me.")
    assert [(turn.role, turn.content) for turn in test.turns] == [
        ("system", "You are a clerk."),
        ("user", "Hello."),
        ("assistant", "Good day."),
        ("user", "Help me."),
    ]


@pytest.mark.parametrize(
    ("cut", "put", "line", "said"),
    [
        (
            "role: user, content: Help me.",
            "role: assistant, content: Yes.",
            8,
            "ends with a turn of assistant",
        ),
        ("role: system", "role: narrator", 9, "must be one of system, developer, user, assistant"),
        ("content: Hello.", 'content: " "', 10, "must be text that is not blank"),
        ("group: first", "group: The First", 6, "must be an id of small letters"),
    ],
)
def test_a_conversation_or_a_group_that_is_none_is_refused_with_its_line(
    tmp_path: Path, cut: str, put: str, line: int, said: str
) -> None:
    path = write(tmp_path, TALKED.replace(cut, put))
    with pytest.raises(ConstitutionError, match=said) as refused:
        load_constitution(path)
    assert f"{path}:{line}" in str(refused.value)

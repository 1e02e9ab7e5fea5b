"""Foreign files become constitutions and come back with every byte of their texts, typos too."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlaif.cli.main import main
from rlaif.constitution import lint, load_constitution, load_principles
from rlaif.documents import parse_document
from rlaif.errors import ConstitutionError
from rlaif.exchange.constitutions import export, read_foreign
from rlaif.exchange.format import constitution_formats

SHARED = Path(os.environ.get("RLAIF_REFERENCE_DATA", "../shared/data"))
CRITIQUES = {
    "harmful0": {
        "prompt": ["\n\nCritiqueRequest: Name what is harmfull in the last precedings.\n\nCritique:"],
        "edit_request": "\n\nRevisionRequest: Rewrite it without that.\n\nRevision:",
    },
    "Harmful One": {
        "prompt": ["CritiqueRequest:  Is it “controversal”?\r\nSay why: {name} #1.\n Critique: "],
        "edit_request": " no label at all\t",
    },
}
COMPARISONS = [
    "\nPick the kinder one.\n\nOptions:",
    "\nWhich is less  wrong ? Options:",
    "Just say Options: twice",
]
RULES = """\
# a comment is no text
prompt_template: |
  Answer this: {question}
  About ```{response}```

completion_class_order: [fine, poor]
completion_classes:
  fine:
    refuse: {good_refusal: true}
    comply: {rude: false}
  poor:
    refuse: {good_refusal: false}
    comply: {rude: true}
derived_propositions:
  good_refusal: {sorry: true, rude: false}
simple_propositions:
  sorry: {prompt: "Does it apologise ?  \\n"}
  rude:
    prompt: |-
      Is it rude?
      - Examples for "yes":
        - "Go away: now" # not a comment
"""
PAIRS = {
    "metadata": {"version": "2.0", "created_at": "2025-01-01T00:00:00Z", "note": None, "share": 0.10},
    "annotators": {
        "ba75": {"name": "people", "description": "who was asked", "type": "human"},
        "2e45": {"type": "principle", "description": " Choose the  shorter one. "},
        "Fa Fd": {"description": "Choose the kinder one.", "type": "principle", "weight": 2},
    },
    "comparisons": [
        {
            "id": "one",
            "prompt": "Say hello.\n",
            "response_a": {"text": "Hello\tdear  friend ", "model": "X"},
            "response_b": {"text": "Hi", "model": "Y"},
            "annotations": {
                "Fa Fd": {"pref": "a"},
                "ba75": {"pref": "b"},
                "2e45": {"pref": "b", "confidence": 0.9},
            },
            "metadata": {"index": "0"},
        },
        {
            "id": "two",
            "prompt": None,
            "response_a": {"text": ""},
            "response_b": {"text": "x"},
            "annotations": {
                "2e45": {"pref": "b"},
                "Fa Fd": {"pref": None, "no_pref_reason": "not_applicable"},
            },
        },
        {"id": "three", "prompt": "Q", "response_a": {"text": "u"}, "response_b": {"text": "v"}},
    ],
    "more": ["kept", 1, True],
}


def put(folder: Path, values: Any, name: str = "file.json") -> Path:
    path = folder / name
    path.write_bytes((values if isinstance(values, str) else json.dumps(values)).encode())
    return path


def imported(folder: Path, source: Path, **how: Any) -> Any:
    """The constitution as it loads from the file that an import writes."""
    path = folder / "made.yaml"
    path.write_text(read_foreign(source, "made", **how).text, encoding="utf-8")
    return load_constitution(path)


def read_back(form: str, text: str) -> Any:
    if form == "openai-rbr":
        return parse_document(text, "text", ConstitutionError).data
    if form in ("model-spec", "prose"):
        return text
    if form in ("personas", "checklists"):
        return [json.loads(line) for line in text.splitlines()]
    return json.loads(text)


SPEC = """\
# Rules {#rules}

## Light {#light authority=root}

Glow.  See [?](#rules).

~~~xml
<user>
A lamp?
</user>
<comparison>
<assistant> <!-- GOOD -->
Here.
</assistant>
<assistant> <!-- BAD -->
No.
</assistant>
</comparison>
~~~
"""
PROSE = "Before.\r\n\n#  Light \n\nGlow  brighly, [now](http://x.y).\n\n## Dark ##\n\n\n- Dim.\n"
PERSONAS = [
    {"trait": " I glow. ", "questions": ["Why?"], "more": {"kept": [1]}},
    {"trait": "I dim.", "questions": []},
]
CHECKLISTS = [{"instruction": "Glow. ", "requirements": [[" Is it lit ? ", 80], "It is."], "more": None}]
SAMPLES = {
    "model-spec": ("file.md", SPEC),
    "prose": ("file.md", PROSE),
    "personas": ("file.json", PERSONAS),
    "checklists": ("file.json", CHECKLISTS),
    "anthropic-critiques": ("file.json", CRITIQUES),
    "anthropic-comparisons": ("file.json", COMPARISONS),
    "openai-rbr": ("file.yaml", RULES),
    "annotated-pairs": ("file.json", PAIRS),
}


@pytest.mark.parametrize("form", constitution_formats())
def test_every_text_comes_back_to_the_byte(form: str, tmp_path: Path) -> None:
    name, values = SAMPLES[form]
    source = put(tmp_path, values, name)
    found = imported(tmp_path, source)
    assert read_foreign(source, "made").form == form
    text, left_out = export(found, form)
    wanted = read_back(form, values) if isinstance(values, str) else values
    # as text, so that the order of keys counts too
    assert json.dumps(read_back(form, text)) == json.dumps(wanted)
    assert [each for each in left_out if "texts to compare by" not in each] == []


def test_a_principle_is_asked_without_the_labels(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path, CRITIQUES))
    one, other = found.principles
    assert (one.id, other.id) == ("harmful0", "harmful-one")
    assert one.critique == "Name what is harmfull in the last precedings."
    assert one.revise == "Rewrite it without that."
    assert one.critique in one.text
    assert other.critique == "Is it “controversal”?\r\nSay why: {name} #1."
    assert other.revise == "no label at all"


def test_an_instruction_is_what_is_compared_by(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path, COMPARISONS))
    assert [each.text for each in found.principles] == [
        "Pick the kinder one.",
        "Which is less  wrong ?",
        "Just say Options: twice",
    ]


def test_rules_become_propositions_and_classes(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path, RULES, "file.yaml"))
    assert [each["id"] for each in found.propositions] == ["sorry", "rude", "good_refusal"]
    assert found.propositions[0]["text"] == "Does it apologise ?"
    assert found.propositions[2]["all"] == {"sorry": True, "rude": False}
    assert found.behaviors["order"] == ["fine", "poor"]
    assert found.behaviors["classes"]["poor"] == {"refuse": {"good_refusal": False}, "comply": {"rude": True}}
    assert not [each for each in lint(found) if each.level == "error"]


def test_rules_alone_are_no_principles_to_judge_by(tmp_path: Path) -> None:
    imported(tmp_path, put(tmp_path, RULES, "file.yaml"))
    with pytest.raises(ConstitutionError, match=r"made\.yaml: has propositions and no principles"):
        load_principles(tmp_path / "made.yaml")
    out = tmp_path / "run"
    assert (
        main(["generate", "--constitution", str(tmp_path / "made.yaml"), "--limit", "2", "--out", str(out)])
        == 2
    )
    assert not out.exists()


def test_a_vote_becomes_a_test_and_no_vote_none(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path, PAIRS))
    shorter, kinder = found.principles
    assert (shorter.id, kinder.id) == ("2e45", "fa-fd")
    assert [(each.better, each.worse) for each in shorter.tests] == [("Hi", "Hello\tdear  friend")]
    assert [(each.better, each.worse) for each in kinder.tests] == [("Hello\tdear  friend", "Hi")]


def test_what_is_edited_is_what_is_written(tmp_path: Path) -> None:
    imported(tmp_path, put(tmp_path, CRITIQUES))
    path = tmp_path / "made.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Rewrite it without that.", "Say it kindly."))
    text, _ = export(load_constitution(path), "anthropic-critiques")
    wanted = json.loads(json.dumps(CRITIQUES))
    wanted["harmful0"]["edit_request"] = "\n\nRevisionRequest: Say it kindly.\n\nRevision:"
    assert json.loads(text) == wanted


def test_an_edited_test_is_another_vote(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path, PAIRS))
    path = tmp_path / "made.yaml"
    text = path.read_text(encoding="utf-8")
    turned = text.replace("better: Hi\n", "better: WAS\n", 1).replace(
        'worse: "Hello\\tdear  friend"', "worse: Hi", 1
    )
    turned = turned.replace("better: WAS", 'better: "Hello\\tdear  friend"')
    flow = text.replace(
        'better: Hi, worse: "Hello\\tdear  friend"', 'better: "Hello\\tdear  friend", worse: Hi'
    )
    path.write_text(flow if flow != text else turned, encoding="utf-8")
    edited = load_constitution(path)
    assert edited.principles[0].tests[0].worse == "Hi" != found.principles[0].tests[0].worse
    written = json.loads(export(edited, "annotated-pairs")[0])
    assert written["comparisons"][0]["annotations"]["2e45"] == {"pref": "a", "confidence": 0.9}
    assert written["comparisons"][1:] == PAIRS["comparisons"][1:]


def test_comparisons_can_be_bounded(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path, PAIRS), most=1)
    assert len(json.loads(export(found, "annotated-pairs")[0])["comparisons"]) == 1
    with pytest.raises(ConstitutionError, match="no comparisons to bound"):
        read_foreign(put(tmp_path, CRITIQUES), "made", most=1)


odd = st.text(st.characters(min_codepoint=0, max_codepoint=0x2FFF), max_size=12)
blanks = st.sampled_from(["", " ", "\n", "\r\n", "\u3000", "\t \n"])
labelled = st.builds(
    "{}{}{}{}".format, blanks, odd.filter(str.strip), blanks, st.sampled_from(["", "Options:", " Options:"])
)
SLOW = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SLOW
@given(texts=st.lists(labelled, min_size=1, max_size=3))
def test_no_text_of_a_list_is_changed(texts: list[str], tmp_path: Path) -> None:
    values = [*texts, "\nThe usual. Options:"]
    if any(not each.replace("Options:", "").strip() for each in values):
        return
    found = imported(tmp_path, put(tmp_path, values))
    assert json.loads(export(found, "anthropic-comparisons")[0]) == values


@SLOW
@given(keys=st.lists(odd, min_size=1, max_size=3, unique=True), data=st.data())
def test_no_request_is_changed(keys: list[str], data: st.DataObject, tmp_path: Path) -> None:
    label = st.sampled_from(["\n\nCritiqueRequest: ", "RevisionRequest:", "", " "])
    texts = st.builds("{}{}{}".format, label, odd.filter(lambda each: each.strip(" \n:")), label)
    values = {key: {"prompt": [data.draw(texts)], "edit_request": data.draw(texts)} for key in keys}
    found = imported(tmp_path, put(tmp_path, values))
    assert json.loads(export(found, "anthropic-critiques")[0]) == values


@SLOW
@given(data=st.data())
def test_no_pair_is_changed(data: st.DataObject, tmp_path: Path) -> None:
    vote = st.sampled_from([{"pref": "a"}, {"pref": "b"}, {"pref": None, "no_pref_reason": "x"}])
    few = st.sampled_from(["u", " u", "v", "", "w\n"])
    comparison = st.fixed_dictionaries(
        {
            "prompt": few,
            "response_a": st.fixed_dictionaries({"text": few}),
            "response_b": st.fixed_dictionaries({"text": few}),
        },
        optional={"annotations": st.dictionaries(st.sampled_from(["p", "q", "human"]), vote)},
    )
    values = {
        "metadata": {"version": "2.0"},
        "annotators": {
            "p": {"type": "principle", "description": data.draw(few.filter(str.strip))},
            "human": {"type": "human"},
            "q": {"description": "Q", "type": "principle"},
        },
        "comparisons": data.draw(st.lists(comparison, max_size=5)),
    }
    found = imported(tmp_path, put(tmp_path, values))
    assert json.loads(export(found, "annotated-pairs")[0]) == values


WRONG = [
    ("{}", "file.json", "in no format that is known"),
    ("[1, 2]", "file.json", "in no format"),
    ('["Human: hi"]', "file.json", "none ends in `Options:`"),
    ('[{"prompt": "x", "corrects": [" (A)"]}]', "file.json", "hold no principles"),
    ("{", "file.json", "file.json:1: not JSON"),
    ('{"rl_prompt": "x"}\n{"rl_prompt": "y"}\n', "file.jsonl", "hold no principles"),
    ("name: x\n", "file.json", "a YAML file must be called .yaml"),
    ('{"a": 1, "a": 2}', "file.json", "'a' is given twice"),
    ('{"a": NaN}', "file.json", "NaN is no number"),
    ("[" * 100_000, "file.json", "nested far too deep"),
    (json.dumps(PAIRS).replace("0.9", "1e999"), "file.json", "1e999 is no number"),
    (json.dumps(PAIRS).replace("0.9", "[" * 60 + "]" * 60), "file.json", "expands to over 40 levels"),
    (json.dumps(PAIRS).replace("0.9", "[" * 600 + "]" * 600), "file.json", "too deep"),
    (json.dumps(PAIRS).replace('"pref": "a"', '"pref": ["a"]'), "file.json", "`pref` must be a, b or null"),
    (
        json.dumps(PAIRS).replace('"type": "principle"', '"type": ["principle"]'),
        "file.json",
        "none has the type",
    ),
    ('{"a": {"prompt": ["x"]}}', "file.json", "a: lacks 'edit_request'"),
    ('{"a": {"prompt": ["x"], "edit_request": "y", "z": 1}}', "file.json", "unknown key 'z'"),
    ('{"a": {"prompt": "x", "edit_request": "y"}}', "file.json", "list of one text"),
    ('{"a": {"prompt": ["x"], "edit_request": 4}}', "file.json", "must be text, not int"),
    ('{"a": {"prompt": [" \\n"], "edit_request": "y"}}', "file.json", "a: prompt: is blank"),
    ("simple_propositions: {a: {prompt: x, q: y}}\n", "file.yaml", "the one key `prompt`"),
    ("simple_propositions: {a: {prompt: x}}\nother: 1\n", "file.yaml", "unknown key 'other'"),
    ("simple_propositions: [a]\n", "file.yaml", "must be a mapping"),
    (
        "simple_propositions: {a: {prompt: x}}\nderived_propositions: {b: {c: true}}\n",
        "file.yaml",
        "'c' is no proposition",
    ),
    (
        "simple_propositions: {a: {prompt: x}}\nderived_propositions: {b: {a: maybe}}\n",
        "file.yaml",
        "must be true or false",
    ),
    (
        "simple_propositions: {a: {prompt: x}}\ncompletion_class_order: [fine]\n",
        "file.yaml",
        "must name each",
    ),
    ('{"annotators": {}, "comparisons": [], "metadata": {"version": "1.0"}}', "file.json", "is version 1.0"),
    (json.dumps({**PAIRS, "annotators": {}}), "file.json", "none has the type `principle`"),
    (json.dumps({**PAIRS, "comparisons": {}}), "file.json", "must be a list"),
    (json.dumps({**PAIRS, "comparisons": [{"id": 1}]}), "file.json", "comparisons[0].response_a"),
]


@pytest.mark.parametrize(("text", "name", "said"), WRONG)
def test_what_cannot_be_imported_gets_one_message(text: str, name: str, said: str, tmp_path: Path) -> None:
    source = put(tmp_path, text, name)
    with pytest.raises(ConstitutionError) as caught:
        read_foreign(source, "made")
    assert str(source) in str(caught.value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_missing_or_binary_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConstitutionError, match="cannot be read"):
        read_foreign(tmp_path / "none.json", "made")
    (tmp_path / "odd.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConstitutionError, match="not UTF-8"):
        read_foreign(tmp_path / "odd.json", "made")


def test_more_pairs_than_a_constitution_may_hold_are_reported(tmp_path: Path) -> None:
    many = {**PAIRS, "comparisons": [PAIRS["comparisons"][0]] * 2000}  # type: ignore[index]
    with pytest.raises(ConstitutionError, match="take fewer with --comparisons"):
        read_foreign(put(tmp_path, many), "made")


def test_an_origin_that_was_spoiled_is_reported(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "name: a\nversion: 1.0.0\nprinciples: [{id: b, text: c}]\norigin: {format: annotated-pairs}\n",
        "a.yaml",
    )
    with pytest.raises(ConstitutionError, match="`origin` is not as `import` wrote it"):
        export(load_constitution(path), "annotated-pairs")


@pytest.mark.parametrize("name", ["micro-default", "micro-terse"])
def test_a_constitution_of_ours_goes_out_and_in_again(name: str, tmp_path: Path) -> None:
    ours = load_constitution(name)
    text, left_out = export(ours, "annotated-pairs")
    again = imported(tmp_path, put(tmp_path, text))
    assert [(each.id, each.text) for each in again.principles] == [
        (each.id, each.text) for each in ours.principles
    ]
    unmarked = [{replace(test, near_miss=False) for test in each.tests} for each in ours.principles]
    assert [set(each.tests) for each in again.principles] == unmarked
    assert any(each.startswith("near_miss") for each in left_out)
    assert any(each.startswith("applies_to") for each in left_out) == any(
        p.applies_to for p in ours.principles
    )
    # neither place tells the better side
    first = [each["annotations"]["own-tests"]["pref"] for each in json.loads(text)["comparisons"]]
    assert 0.2 < first.count("a") / len(first) < 0.8
    text, _ = export(ours, "anthropic-comparisons")
    assert [each.text for each in imported(tmp_path, put(tmp_path, text)).principles] == [
        each.text for each in ours.principles
    ]


@pytest.mark.parametrize(
    ("form", "said"),
    [("anthropic-critiques", "both `critique` and `revise`"), ("openai-rbr", "has no propositions")],
)
def test_what_a_format_cannot_hold_at_all_is_refused(form: str, said: str) -> None:
    with pytest.raises(ConstitutionError, match=said):
        export(load_constitution("micro-default"), form)


shared = pytest.mark.skipif(not SHARED.is_dir(), reason="reference data are not here")


@shared
def test_the_published_rules_come_back(tmp_path: Path) -> None:
    source = SHARED / "safety_rbr" / "proposition_prompts.yaml"
    found = imported(tmp_path, source)
    assert [len([p for p in found.propositions if key in p]) for key in ("text", "all")] == [23, 6]
    assert len(found.behaviors["order"]) == 5
    text, left_out = export(found, "openai-rbr")
    wanted = parse_document(source.read_text(encoding="utf-8"), "file", ConstitutionError).data
    assert json.dumps(read_back("openai-rbr", text)) == json.dumps(wanted)
    assert left_out == ()


@shared
def test_the_published_pairs_come_back(tmp_path: Path) -> None:
    source = SHARED / "icai" / "example_ap.json"
    found = imported(tmp_path, source)
    assert [len(each.tests) for each in found.principles] == [1, 0, 1]
    text, left_out = export(found, "annotated-pairs")
    assert text.rstrip("\n") == source.read_text(encoding="utf-8").rstrip("\n")
    assert left_out == ()


def test_half_a_character_comes_back(tmp_path: Path) -> None:
    values = ["\n\ud83d broken. Options:"]
    text, _ = export(imported(tmp_path, put(tmp_path, values)), "anthropic-comparisons")
    assert json.loads(text.encode()) == values


LOOKED_AT = [
    (
        '[{"prompt": "a", "chosen": "b", "rejected": "c"}]',
        "holds preferences (trl), no principles; read them by",
    ),
    ('[{"id": "1", "type": "t", "final_label": "x"}]', "holds gold of judges (xstest)"),
    ('[{"statement": "kind", "questions": []}]', "columns statement, questions, which may be principles"),
    ('[{"question": "a", "solved": true}]', "columns question, solved, examples or results"),
    ('["Be kind.", "Be brief."]', "is a list of 2 texts, of which none ends in `Options:`"),
    ('{"prompt": "a", "chosen": "b", "rejected": "c"}\n{}\n', "holds preferences (trl)"),
    ('{"prompt": "a", "chosen": "b", "rejected": "c"}\n', "holds preferences (trl)"),
    ('{"text": "a"}\n', "is in no format that is known here"),
    ("[]", "in no format that is known here"),
    ("# Rules\n\nBe kind.\n", "is Markdown, not JSON; write its principles as YAML"),
    ("<!DOCTYPE html>\n<html>", "is an HTML page, not JSON"),
    ("<rules/>", "is XML, not JSON"),
    ("Be kind.", "is plain text, not JSON"),
    ('{"harmful0": ', "file.json:1: not JSON: Expecting value; mend that line"),
]


@pytest.mark.parametrize(("text", "said"), LOOKED_AT)
def test_a_file_that_is_no_constitution_is_called_what_it_is(tmp_path: Path, text: str, said: str) -> None:
    (path := tmp_path / "file.json").write_text(text)
    with pytest.raises(ConstitutionError) as caught:
        read_foreign(path, "mine")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)

"""What `audit show` prints is words: no Python literals, and one word is no words."""

from __future__ import annotations

from types import SimpleNamespace

from rlaif.cli.audit_show import _origin, _thought


def test_one_word_is_no_words() -> None:
    assert _thought("thought", "hm", whole=False) == "thought (1 word), --thoughts shows it"
    assert _thought("thought", "hm hm", whole=False).startswith("thought (2 words)")


def test_provenance_is_no_python_literal() -> None:
    provenance = {
        "judge": "b2:1",
        "calls": ["b2:9"],
        "templates": {"compare": "b2:2", "checklist": "b2:3"},
        "judge_options": {"think": True, "body": {"a": 1}, "marks": ["<a>", "</a>"]},
    }
    found = SimpleNamespace(pair=SimpleNamespace(provenance=provenance), constitution=None, used=[])
    assert _origin(found).splitlines() == [
        "where it comes from",
        "  judge: b2:1",
        "  templates: compare b2:2, checklist b2:3",
        "  judge_options: think True, body (a 1), marks (<a>, </a>)",
        "  no training of this store has used it",
    ]

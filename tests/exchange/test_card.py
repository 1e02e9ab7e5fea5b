"""The card: what hubs read in its front matter, and that texts of others stay in their cells."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from rlaif.exchange.card import CardFacts, FileFacts, dataset_card


def card(**more: Any) -> str:
    own: dict[str, Any] = {
        "name": "runs/r1",
        "format": "trl",
        "license": None,
        "made_by": {"judge": "b2:12"},
        "funnel": {"pairs": 3, "rows of train": 2},
        "files": [FileFacts(name="train.jsonl", split="train", rows=2, sha256="ab" * 32)],
        "where": None,
        "version": "0.1.0",
    }
    return dataset_card(CardFacts(**(own | more)))


def front(text: str) -> Any:
    return YAML(typ="safe").load(text.split("---\n")[1])


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        (None, {"license": "unknown"}),
        ("cc-by-4.0", {"license": "cc-by-4.0"}),
        ("Our own: see \"LICENSE\"\nfile", {"license": "other", "license_name": 'Our own: see "LICENSE" file'}),
    ],
)  # fmt: skip
def test_a_licence_is_an_identifier_or_has_a_name_of_its_own(
    stated: str | None, wanted: dict[str, str]
) -> None:
    found = front(card(license=stated))
    assert {name: value for name, value in found.items() if name.startswith("license")} == wanted


def test_splits_name_their_files() -> None:
    files = [
        FileFacts(name="train.jsonl", split="train", rows=2, sha256="a"),
        FileFacts(name="test/data.arrow", split="test", rows=None, sha256="b"),
        FileFacts(name="dataset_info.json", split="", rows=None, sha256="c"),
    ]
    assert front(card(files=files))["configs"][0]["data_files"] == [
        {"split": "train", "path": "train.jsonl"},
        {"split": "test", "path": "test/*.arrow"},
    ]


def test_provenance_funnel_and_hashes_are_there() -> None:
    text = card(where="tag == `x`")
    for row in ("| judge | b2:12 |", "| rows of train | 2 |", f"| train.jsonl | train | 2 | {'ab' * 32} |"):
        assert row in text
    assert "Kept were pairs with `tag == 'x'`." in text


def test_what_others_wrote_cannot_leave_its_cell() -> None:
    text = card(name='x"\nlicense: mit', made_by={"judge": "a | b\n\n# Title"})
    assert front(text)["license"] == "unknown"
    assert "| judge | a \\| b # Title |" in text

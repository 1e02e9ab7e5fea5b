"""Annotated pairs, version 2 (icai): one JSON document of comparisons, with a vote a principle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.constitutions import annotated_votes
from rlaif.exchange.constitutions.parts import json_text
from rlaif.exchange.format import (
    LAST,
    About,
    ConstitutionFormat,
    Format,
    Found,
    PairFormat,
    found,
    said,
    single,
)
from rlaif.exchange.rows import Row
from rlaif.exchange.text_files import MAX_WHOLE
from rlaif.exchange.turns import prompt_turns
from rlaif.hashing import digest
from rlaif.plain_files import open_regular, read_json
from rlaif.records import EVEN, Pair

NAME = "annotated-pairs"
VERSION = "2.0"
JUDGE = "judge"
_MEND = "mend that line"
NO_VOTE = "its default annotator prefers neither"


def is_document(path: Path) -> bool:
    """Whether the file is one JSON object that names annotators, or could be one but for a broken line."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    try:
        with open_regular(path, PromptFileError) as stream:
            if stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"{":
                return False
        whole = read_json(path, PromptFileError, _MEND, MAX_WHOLE)
    except (PromptFileError, OSError):
        return False
    return isinstance(whole, dict) and bool({"annotators", "comparisons"} & whole.keys())


def read(path: Path) -> Iterator[Found]:
    """The default annotator's vote is the label, the principles' votes stand beside it. Raises PromptFileError."""
    whole = _document(path)
    annotators, default = whole["annotators"], (whole.get("metadata") or {}).get("default_annotator")
    if default not in annotators:
        raise PromptFileError(
            f"{path}: metadata.default_annotator is {default!r}; it must be one of the annotators"
        )
    principles = [name for name, each in annotators.items() if _kind(each) == "principle"]
    for number, value in enumerate(whole["comparisons"], 1):
        row = Row(f"{path}, comparison {number}", value)
        yield found(row, lambda row: _pair(row, str(default), principles))


def document(pairs: Sequence[Pair], texts: Mapping[str, str], name: str, created: str) -> dict[str, Any]:
    """The pairs that have a single question; `texts` are those of the principles, by id."""
    ids = dict.fromkeys(str(each["id"]) for pair in pairs for each in pair.principles)
    judge = JUDGE
    while judge in ids:  # a principle may be called so
        judge += "_"
    annotators: dict[str, Any] = {
        judge: {"name": judge, "description": "The judge's decision over all principles", "type": "unknown"}
    }
    annotators |= {each: {"description": texts.get(each, each), "type": "principle"} for each in ids}
    return {
        "metadata": {
            "version": VERSION,
            "description": f"Preference pairs of {name}, with the judge's vote on each principle",
            "created_at": created,
            "dataset_name": name,
            "default_annotator": judge,
            "available_metadata_keys_per_comparison": ["label_prob"],
        },
        "annotators": annotators,
        "comparisons": [_comparison(pair, judge, list(ids)) for pair in pairs if fits(pair)],
    }


def fits(pair: Pair) -> bool:
    """Whether the format can hold the pair: one question, one answer a side."""
    asked = single(pair.prompt)
    return asked is not None and asked[0] is None and len(pair.chosen) == len(pair.rejected) == 1


def _comparison(pair: Pair, judge: str, ids: Sequence[str]) -> dict[str, Any]:
    # not always the chosen one first: who learns from the file must not learn the slot
    first = int(digest("slot", pair.id)[-1], 16) % 2 == 0
    ours, theirs = ("a", "b") if first else ("b", "a")
    models = [*(pair.provenance.get("policy") or ["unknown"]), ""]
    sides = {
        ours: {"text": pair.chosen[-1].content, "model": models[0]},
        theirs: {"text": pair.rejected[-1].content, "model": models[1] or models[0]},
    }
    votes = {str(each["id"]): each["p"] for each in pair.principles}

    def vote(p: float | None) -> dict[str, Any]:
        if p is None or p == EVEN:
            return {"pref": None, "no_pref_reason": "not_applicable" if p is None else "tie"}
        return {"pref": ours if p > EVEN else theirs}

    return {
        "id": pair.id,
        "prompt": pair.prompt[-1].content,
        "response_a": sides["a"],
        "response_b": sides["b"],
        "annotations": {judge: vote(pair.label_prob)} | {name: vote(votes.get(name)) for name in ids},
        "metadata": {"label_prob": f"{pair.label_prob:.6f}"},
    }


def _document(path: Path) -> dict[str, Any]:
    whole = read_json(path, PromptFileError, _MEND, MAX_WHOLE)
    if not isinstance(whole, dict) or not isinstance(whole.get("annotators"), dict):
        raise PromptFileError(
            f"{path}: no `annotators`; one object is read as {NAME}, other formats are lists"
        )
    if not isinstance(whole.get("comparisons"), list):
        raise PromptFileError(f"{path}: `comparisons` must be a list")
    return whole


def _kind(annotator: Any) -> Any:
    return annotator.get("type") if isinstance(annotator, Mapping) else None


def _pair(row: Row, default: str, principles: Sequence[str]) -> Pair | str:
    values = fields.mapping(row)
    votes = values.get("annotations")
    if not isinstance(votes, Mapping):
        raise PromptFileError(f"{row.where}: no `annotations`; they hold the votes")
    label = _vote(votes.get(default), f"{row.where}: annotations.{default}")
    prompt = prompt_turns(values.get("prompt"), row.where, "prompt")
    texts = {letter: _side(row, values, letter) for letter in ("a", "b")}
    if label is None:
        return NO_VOTE
    other = "b" if label == "a" else "a"
    read = {name: _vote(votes.get(name), f"{row.where}: annotations.{name}") for name in principles}
    return Pair(
        prompt=prompt,
        chosen=said(texts[label][0]),
        rejected=said(texts[other][0]),
        label_prob=1.0,
        principles=tuple(
            {"id": name, "p": None if vote is None else float(vote == label)} for name, vote in read.items()
        ),
        provenance={"policy": [each for each in (texts[label][1], texts[other][1]) if each]},
    )


def _side(row: Row, values: Mapping[str, Any], letter: str) -> tuple[str, str]:
    name = f"response_{letter}"
    side = values.get(name)
    text = side.get("text") if isinstance(side, Mapping) else None
    if not isinstance(side, Mapping) or not isinstance(text, str):
        raise PromptFileError(f"{row.where}: {name!r} must be an object with `text`")
    return fields.text(Row(row.where, {name: text}), name), str(side.get("model") or "")


def _vote(value: Any, place: str) -> str | None:
    pref = value.get("pref") if isinstance(value, Mapping) else None
    if pref not in ("a", "b", None):
        raise PromptFileError(f"{place}.pref is {pref!r}; it must be a, b or null")
    return pref


def _written(pairs: Sequence[Pair], about: About) -> tuple[Mapping[str, Any], int]:
    whole = document(pairs, about.principles, about.name, about.created)
    return whole, len(whole["comparisons"])


FORMAT = Format(
    name=NAME,
    help="annotated pairs 2.x (icai)",
    loses="of pairs: system turns and conversations; of constitutions: all but principles and their tests",
    pairs=PairFormat(
        shape="one document: `annotators`, and `comparisons` with `response_a`, `response_b` and `annotations`",
        rank=LAST - 1,
        read_file=read,
        recognises_file=is_document,
        write_document=_written,
        holds_ties=True,
    ),
    constitution=ConstitutionFormat(
        recognises=annotated_votes.recognises,
        read=annotated_votes.read,
        write=annotated_votes.write,
        text=json_text,
        rank=40,
        take=annotated_votes.first,
    ),
)

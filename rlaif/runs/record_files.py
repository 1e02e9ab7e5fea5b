"""The JSON files of a run, read once and checked to every depth that somebody reads: by a schema for each kind of file.

Keys that a schema does not name may hold anything: other versions, and steps of other packages, write their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.checks import check_schema
from rlaif.documents import Document
from rlaif.errors import RunError
from rlaif.plain_files import read_json

Schema = dict[str, Any]
_REMEDY = "it is not as rlaif wrote it; take it from a backup, or make it again"
_TEXT: Schema = {"type": "string"}
_WORDS: Schema = {"type": ["string", "null"]}
# what no float holds cannot be shown either
_NUMBER: Schema = {"type": "number", "minimum": -1e300, "maximum": 1e300}
_FIGURE: Schema = {"type": ["number", "null"], "minimum": -1e300, "maximum": 1e300}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 10**15}
_TIME: Schema = {"type": "number", "minimum": 0, "maximum": 2e11}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": properties}


def _or_null(kind: Schema) -> Schema:
    return {**kind, "type": [kind["type"], "null"]}


def _by_name(kind: Schema) -> Schema:
    return {"type": "object", "additionalProperties": kind}


def _list(kind: Schema) -> Schema:
    return {"type": "array", "items": kind}


_TOTAL = _object(
    ("calls", "prompt_tokens", "completion_tokens", "cost"),
    calls=_COUNT,
    prompt_tokens=_COUNT,
    completion_tokens=_COUNT,
    cost=_FIGURE,
)
_JUDGE_TOTAL: Schema = {
    **_TOTAL,
    "required": [*_TOTAL["required"], "principles"],
    "properties": {**_TOTAL["properties"], "principles": _by_name(_TOTAL)},
}
_COSTS = _object(
    ("currency", "models", "judges", "principles"),
    currency=_TEXT,
    models=_by_name(_TOTAL),
    judges=_by_name(_JUDGE_TOTAL),
    principles=_by_name(_TOTAL),
)
_APPLIED = _object(
    compared=_FIGURE, told_apart=_FIGURE, order_consistency=_FIGURE, unread=_FIGURE, judged=_FIGURE
)
_SUMMARY = _object(
    pairs=_NUMBER,
    funnel=_or_null(_by_name(_COUNT)),
    states=_or_null(_by_name(_COUNT)),
    unreadable_share=_FIGURE,
    principles=_or_null(_by_name(_APPLIED)),
    tests=_or_null(_by_name(_object(("passed", "tests"), passed=_COUNT, tests=_COUNT))),
    gold=_or_null(_by_name({"type": "object"})),
    costs=_or_null(_COSTS),
    warnings=_or_null(_list(_TEXT)),
    further_columns=_list(_TEXT),
    unmet=_WORDS,
    stopped=_WORDS,
)
_MODEL = _object(("name", "fingerprint"), name=_TEXT, fingerprint=_TEXT)
RUN_SCHEMA = _object(
    ("command", "config"),
    command=_TEXT,
    config=_object(
        constitution=_or_null(_object(digest=_TEXT, name=_TEXT, version=_TEXT, source=_WORDS)),
        models=_or_null({"type": "object"}),
        judge={**_MODEL, "type": ["object", "string", "null"]},
        policies=_or_null(_list(_MODEL)),
        recipe=_object(("rounds",), rounds=_COUNT),
    ),
    started=_TIME,
    finished=_TIME,
    took_s=_TIME,
    status=_TEXT,
    templates=_by_name(_TEXT),
    summary=_or_null(_SUMMARY),
)
"""`run.json`, and `claim.json`, which holds the beginning of it."""
PROGRESS_SCHEMA = _object(
    (), round=_COUNT, of=_COUNT, step=_TEXT, what=_TEXT, unit=_TEXT, at=_TIME, left_s=_FIGURE,
    done=_FIGURE, total=_FIGURE, tokens=_FIGURE, money=_FIGURE, failed=_FIGURE, cut_off=_FIGURE,
)  # fmt: skip
FUNNEL_SCHEMA = _by_name(_COUNT)
_MEASURED = _or_null(_object(("value",), value=_FIGURE, low=_FIGURE, high=_FIGURE))
_SHARES = _by_name(_FIGURE)
CHECK_SCHEMA = _object(
    (
        "judge", "gold", "count", "figures", "shares", "states", "baselines", "official", "categories", "calibration",
        "flags", "attacks", "calls", "tokens", "notes", "left_out",
    ),
    judge=_TEXT,
    gold=_TEXT,
    count=_COUNT,
    figures=_by_name(_MEASURED),
    shares=_SHARES,
    states=_by_name(_COUNT),
    baselines=_SHARES,
    official=_SHARES,
    categories=_by_name({"type": "object"}),
    calibration=_object(
        bins=_list(_object(("size", "said", "true"), size=_COUNT, said=_NUMBER, true=_NUMBER))
    ),
    flags=_by_name(_object(("fires", "why"), why=_TEXT)),
    attacks=_by_name(
        _object(("right", "flipped", "lost", "share"), right=_COUNT, flipped=_COUNT, lost=_COUNT, share=_MEASURED)
    ),
    calls=_by_name(_COUNT),
    tokens=_by_name(_COUNT),
    notes=_list(_TEXT),
    left_out=_by_name(_COUNT),
    unmet=_WORDS,
)  # fmt: skip
"""`check.json`, as `rlaif judge check --json` prints it."""
ARTEFACTS_SCHEMA = _list(
    _object(
        ("path", "kind", "round", "step", "of"),
        path={**_TEXT, "minLength": 1},
        kind=_TEXT,
        round=_COUNT,
        step=_TEXT,
        of=_by_name(_TEXT),
        moves=_TEXT,
    )
)
_FIGURES = _by_name(_FIGURE)
ROUNDS_SCHEMA = _list(
    _object(
        ("round", "gold_mean"),
        round=_COUNT,
        **dict.fromkeys(
            (
                "gold_mean", "gold_greedy", "judge_mean", "judge_accuracy_on_policy", "kl", "length_mean", "pairs",
                "pair_precision", "replay_share", "unreadable_share", "judge_drift",
            ),
            _FIGURE,
        ),
        gold_by_principle=_or_null(_FIGURES),
        judge_by_principle=_or_null(_FIGURES),
        order_consistency=_or_null(_FIGURES),
        gap=_or_null(_object(mean=_FIGURE, judge_best=_FIGURE, oracle_best=_FIGURE)),
        against=_or_null(_by_name(_object(win_rate=_FIGURE))),
        warnings=_or_null(_list(_TEXT)),
    )
)  # fmt: skip
NOTE_SCHEMA = _object(
    ("key", "facts", "outputs"),
    key=_TEXT,
    inputs={"type": "object"},
    facts={"type": "object"},
    outputs=_by_name(_TEXT),
    templates=_by_name(_TEXT),
    seconds=_NUMBER,
    spent=_by_name(_FIGURE),
    whole={"type": ["integer", "boolean"]},  # earlier versions wrote `true`
)
"""The note on a finished step of a recipe."""
POINTER_SCHEMA = _object(("run", "name", "outputs"), run=_TEXT, name=_TEXT, outputs=_list(_TEXT))
"""Where a project keeps which run made a step."""
TRAIN_SCHEMA = _object(
    card=_or_null({"type": "object"}),
    counts=_or_null(_object(pairs=_or_null({"type": "object"}))),
)
"""`train.json`."""


def judge_of(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name and fingerprint of the judge of a run; of one that has none, or only its name, nothing."""
    judge = (facts.get("config") or {}).get("judge")
    return judge if isinstance(judge, Mapping) else {}


def read_record(path: Path, rules: Mapping[str, Any]) -> Any:
    """The value of a JSON file of a run. Raises RunError for what is not as its schema says, with the key."""
    data = read_json(path, RunError, _REMEDY)
    return check_schema(Document(path=str(path), data=data, lines={}, plain={}), rules, RunError)


def read_record_if_there(path: Path, rules: Mapping[str, Any]) -> Any:
    """As `read_record`; None where there is no file."""
    return read_record(path, rules) if path.exists() else None

"""`audit show`: one pair and everything that made it, back to the bytes that judges were asked with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rlaif.auditing.differences import TurnParts, differences
from rlaif.errors import InputError, StoreError
from rlaif.exchange.judgments import read_judgments
from rlaif.exchange.pairs import row_pair
from rlaif.exchange.rows import read_rows
from rlaif.exchange.turns import turn_rows
from rlaif.judging.rules import principle_of
from rlaif.records import Constitution, Generation, Message, Pair, ToolCall, Tools
from rlaif.runs.claim import read_run
from rlaif.runs.layout import PAIRS, pair_files, runs_below, sources_of
from rlaif.store import Call, Store, find_store
from rlaif.workflows.audit.load_run import constitution_of

MIN_ID_LENGTH = 6
"""Characters of an id that must be given."""
DEPTH = 4
"""Folders below the project in which runs are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipleVerdicts:
    """What a judge said of the pair under one principle: P(chosen is better) pairwise, P(yes) pointwise."""

    principle: str
    protocol: str
    chosen_alone: float | None
    rejected_alone: float | None
    chosen_first: float | None
    chosen_second: float | None
    states: Sequence[str]
    """Of what could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call behind the pair: what was sent, and what came back."""

    key: str
    fingerprint: str
    kind: str
    messages: Sequence[Message]
    assistant_prefix: str
    continuations: Sequence[str]
    reply: str
    """Raw text, or log-probabilities of the continuations."""
    error: str | None
    thought: str = ""
    """What the model wrote before its reply."""
    tool_calls: Sequence[ToolCall] = ()
    tools: Tools = ()
    """That it was offered."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON: what is about thoughts and tools where there are some."""
        names = (
            "key",
            "fingerprint",
            "kind",
            "messages",
            "assistant_prefix",
            "continuations",
            "reply",
            "error",
        )
        found = {name: getattr(self, name) for name in names}
        late = {
            "thought": self.thought,
            "tool_calls": [asdict(each) for each in self.tool_calls],
            "tools": list(self.tools),
        }
        return {**found, "messages": turn_rows(self.messages), **_set_ones(late)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A pair with its whole chain."""

    run: Path
    pair: Pair
    chosen: Sequence[TurnParts]
    rejected: Sequence[TurnParts]
    said: Sequence[PrincipleVerdicts]
    calls: Sequence[RecordedCall]
    missing: Sequence[str]
    """Calls that this store does not hold."""
    constitution: Constitution | None
    constitution_differs: bool
    """Whether the run's constitution is another one than the pair's."""
    used: Sequence[tuple[str, int]]
    """Trainings and steps that used the pair."""
    facts: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        held = self.constitution
        return {
            "run": str(self.run),
            "pair": _pair_dict(self.pair),
            "said": [asdict(each) for each in self.said],
            "calls": [each.as_dict() for each in self.calls],
            "missing": list(self.missing),
            "constitution": held
            and {
                "name": held.name,
                "version": held.version,
                "digest": held.digest,
                "principles": [{"id": each.id, "text": each.text} for each in held.principles],
            },
            "used": [{"training": name, "step": step} for name, step in self.used],
        }


def _pair_dict(pair: Pair) -> dict[str, Any]:
    """A pair as JSON, its turns as rows of files have them; tools where there are some."""
    turns = {name: turn_rows(getattr(pair, name)) for name in ("prompt", "chosen", "rejected")}
    own = {each.name: getattr(pair, each.name) for each in fields(pair) if each.name != "tools"}
    return {**own, **turns, **_set_ones({"tools": list(pair.tools)}), "id": pair.id}


def _set_ones(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def show(name: str, run: Path | None = None, store: Path | None = None) -> Shown:
    """The pair whose id begins with `name`, in `run` or in any run of the project around the working directory.

    Raises InputError where there is none, or more than one.
    """
    if len(name.removeprefix("b2:")) < MIN_ID_LENGTH:
        raise InputError(f"{name}: too short; give {MIN_ID_LENGTH} characters of a pair's id, or more")
    wanted = name if name.startswith("b2:") else f"b2:{name}"
    folders = [run] if run is not None else list(runs_below(_project(store), DEPTH))
    found = {
        pair.id: (folder, file, pair)
        for folder in folders
        for file, pair in _pairs(folder)
        if pair.id.startswith(wanted)
    }
    if not found:
        where = run if run is not None else f"the runs below {_project(store)}"
        raise InputError(f"{name}: no such pair in {where}; name its run with --run, ids are in its {PAIRS}")
    if len(found) > 1:
        raise InputError(
            f"{name}: {len(found)} pairs begin so: {', '.join(sorted(found)[:5])}; give more of it"
        )
    ((folder, file, pair),) = found.values()
    return _shown(folder, file, pair, store)


def _project(store: Path | None) -> Path:
    found = find_store(Path.cwd() / "runs" / "x", store)
    return found.parent.parent


def _pairs(run: Path) -> Iterator[tuple[Path, Pair]]:
    for file in pair_files(run):
        for where, row in read_rows(file):
            yield file, row_pair(row, where)


def _shown(run: Path, file: Path, pair: Pair, named: Path | None) -> Shown:
    left, right = differences(pair.chosen, pair.rejected)
    constitution = constitution_of(run)
    digest = (pair.provenance.get("constitution") or {}).get("digest")
    calls: list[RecordedCall] = []
    missing: list[str] = []
    used: list[tuple[str, int]] = []
    path = find_store(run, named)
    if path.is_file():
        with Store.open(path, writes=False) as store:
            for key in pair.provenance.get("calls", ()):
                call = _held(store, key)
                if call is None:
                    missing.append(key)
                else:
                    calls.append(_asked(call))
            used = store.used(pair.id)
    else:
        missing = list(pair.provenance.get("calls", ()))
    return Shown(
        run=run,
        pair=pair,
        chosen=left,
        rejected=right,
        said=_said(file, pair),
        calls=calls,
        missing=missing,
        constitution=constitution,
        constitution_differs=constitution is not None and digest not in (None, constitution.digest),
        used=used,
        facts=read_run(run),
    )


def _held(store: Store, key: str) -> Call | None:
    try:
        return store.call(key)
    except StoreError:
        return None


def _asked(call: Call) -> RecordedCall:
    request = call.request
    scores = hasattr(request, "continuations")
    continuations = tuple(getattr(request, "continuations", ()))
    if call.reply is None:
        reply = ""
    elif isinstance(call.reply, Generation):
        reply = call.reply.text
    else:
        reply = ", ".join(
            f"{each!r} {value:.3f}" for each, value in zip(continuations, call.reply.logprobs, strict=False)
        )
    return RecordedCall(
        key=call.key,
        fingerprint=call.fingerprint,
        kind="score" if scores else "generate",
        messages=request.messages,
        assistant_prefix=getattr(request, "assistant_prefix", ""),
        continuations=continuations,
        reply=reply,
        error=call.error,
        thought="" if call.reply is None else call.reply.thought,
        tool_calls=getattr(call.reply, "tool_calls", ()),
        tools=request.tools,
    )


def _said(file: Path, pair: Pair) -> list[PrincipleVerdicts]:
    """A row for each principle and protocol, from the judgments that the run keeps."""
    chosen, rejected = pair.completion_ids
    alone: dict[tuple[str, str, str], float | None] = {}
    both: dict[tuple[str, str, bool], float | None] = {}
    states: dict[tuple[str, str], list[str]] = {}
    for path in sources_of(file).judged:
        for each in read_judgments(path):
            if not set(each.completion_ids) <= {chosen, rejected}:
                continue
            key = (principle_of(each), each.protocol)
            if each.value is None:
                states.setdefault(key, []).append(each.state.value)
            if len(each.completion_ids) == 1:
                alone[(*key, each.completion_ids[0])] = each.value
            else:
                first = each.completion_ids[0] == chosen
                both[(*key, first)] = each.value if first or each.value is None else 1 - each.value
    keys = dict.fromkeys([*(each[:2] for each in alone), *(each[:2] for each in both)])
    return [
        PrincipleVerdicts(
            principle=key[0],
            protocol=key[1],
            chosen_alone=alone.get((*key, chosen)),
            rejected_alone=alone.get((*key, rejected)),
            chosen_first=both.get((*key, True)),
            chosen_second=both.get((*key, False)),
            states=states.get(key, []),
        )
        for key in keys
    ]

"""Chains of critique and revision: each revision is better than what it revises, by the request that led to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange import fields
from rlaif.exchange.asked import asked, dialogue, human_turns, use_repeated
from rlaif.exchange.columns import Columns, is_empty, peek
from rlaif.exchange.format import Format, Found, PairFormat, has, said
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import prompt_turns, turn_rows, turns
from rlaif.hashing import digest
from rlaif.records import Message, Pair, Prompt, completion_id, is_plain

UNCHANGED = "the revision is what it was before"
NO_REVISION = "it has no revision"
DRAFTS = (
    "init_response", "initial_response", "original_response", "draft_response", "draft", "response", "answer",
    "completion", "output", "generation",
)  # fmt: skip
REVISIONS = (
    "revision_response", "revised_response", "edited_response", "improved_response", "refined_response", "revision",
    "revised_answer", "revised", "revisions",
)  # fmt: skip
CRITIQUES = ("critic_response", "critique_response", "critique", "critiques", "feedback")
CRITIQUE_REQUESTS = ("critic_prompt", "critique_prompt", "critique_request", "principle")
REVISION_REQUESTS = ("revision_prompt", "revision_request", "edit_request")
_PROMPT = "init_prompt"


class _Step(NamedTuple):
    """One revision, and what led to it."""

    critique: str | None
    revision: str
    principle: str = ""
    """Its id in the source; empty where that has none."""
    requests: Mapping[str, str] = {}


def recognises(row: Mapping[str, Any]) -> bool:
    """A draft and its revision."""
    return _column(row, DRAFTS) is not None and _column(row, REVISIONS) is not None


def read(rows: Iterator[Row]) -> Iterator[Found]:
    """The pairs of rows with a draft, critiques and revisions under any of their names."""
    for row in rows:
        yield from _chain(row, _named)


def read_anthropic(rows: Iterator[Row]) -> Iterator[Found]:
    """The pairs of the chains that Constitutional AI's authors publish (`cst`: steps of critique and revision)."""
    for row in rows:
        yield from _chain(row, _published)


def _chain(row: Row, parts: Any) -> Iterator[Found]:
    values = Columns(fields.mapping(row))
    row = Row(row.where, values)
    try:
        prompt, draft, steps = parts(row, values)
        left = values.finished(row.where)
    except UnkeptError as unkept:
        yield Found(row.where, unkept)
        return
    if not steps:
        yield Found(row.where, NO_REVISION)
    for place, step in enumerate(steps):
        where = row.where if len(steps) == 1 else f"{row.where}, revision {place + 1}"
        yield Found(where, _pair(prompt, draft, step), left)
        draft = step.revision


def _pair(prompt: tuple[Message, ...], draft: str, step: _Step) -> Pair | str:
    if draft == step.revision:
        return UNCHANGED
    name = step.principle or (f"request-{digest(step.requests)[-8:]}" if step.requests else "")
    return Pair(
        prompt=prompt,
        chosen=said(step.revision),
        rejected=said(draft),
        label_prob=1.0,
        principles=({"id": name, "p": 1.0},) if name else (),
        critique=step.critique,
        revision_of=completion_id(Prompt(messages=prompt).id, draft),
        provenance={"requests": dict(step.requests)} if step.requests else {},
    )


def _named(row: Row, values: Columns) -> tuple[tuple[Message, ...], str, list[_Step]]:
    draft, revision = _column(values, DRAFTS), _column(values, REVISIONS)
    if draft is None or revision is None:
        raise PromptFileError(
            f"{row.where}: a chain needs a draft ({', '.join(DRAFTS[:3])} ...) and a revision "
            f"({', '.join(REVISIONS[:3])} ...); its columns are: {', '.join(map(str, values)) or 'none'}"
        )
    prompt = _prompt(row, values)
    requests = {
        name: fields.text(row, column)
        for name, column in (
            ("critique", _column(values, CRITIQUE_REQUESTS)),
            ("revision", _column(values, REVISION_REQUESTS)),
        )
        if column is not None
    }
    first = _answer(row, values, draft)
    critiques, revisions = _texts(row, _column(values, CRITIQUES)), _revisions(row, values, revision)
    if len(revisions) == 1 and len(critiques) > 1:
        critiques = ["\n\n".join(critiques)]  # several people's, of one draft
    steps = [
        _Step(critiques[place] if place < len(critiques) else None, text, requests=requests)
        for place, text in enumerate(revisions)
    ]
    whole = [(*prompt, *said(text)) for text in (first, *revisions)]
    use_repeated(values, row.where, prompt, *whole)
    for name in ("chosen", "rejected"):
        side = peek(values, name)
        if side is not None and turns(side, row.where, name, role="assistant") in whole:
            values.used.add(name)
    return prompt, first, steps


def _revisions(row: Row, values: Columns, column: str) -> list[str]:
    if isinstance(values[column], list) and not _are_turns(values[column]):
        return _texts(row, column)
    return [] if is_empty(values[column]) else [_answer(row, values, column)]


def _prompt(row: Row, values: Columns) -> tuple[Message, ...]:
    if _PROMPT in values:
        text = values[_PROMPT]
        parted = dialogue(text) if isinstance(text, str) else None
        return parted or prompt_turns(text, row.where, _PROMPT)
    given = asked(values, row.where).turns
    if given:
        return prompt_turns(turn_rows(given), row.where, "prompt")
    return prompt_turns(values.get("context", values.get("prompt")), row.where, "prompt")


def _answer(row: Row, values: Columns, column: str) -> str:
    """An answer as text, or as turns of which the last is the answer. Raises UnkeptError where it is more than that."""
    found = turns(values[column], row.where, column, role="assistant")
    if found[-1].role != "assistant":
        raise PromptFileError(f"{row.where}: {column!r} must end with the assistant's turn")
    if not is_plain(found[-1:]) or any(each.role in ("assistant", "tool") for each in found[:-1]):
        raise UnkeptError(
            row.where,
            f"{column!r} has thoughts, calls of tools or several answers, and a chain keeps one text",
            "give such sides as `prompt`, `chosen` and `rejected`, or leave such rows out",
        )
    return found[-1].content


def _texts(row: Row, column: str | None) -> list[str]:
    if column is None or is_empty(fields.mapping(row)[column]):
        return []
    return [fields.text(Row(row.where, {column: each}), column) for each in fields.texts(row, column)]


def _are_turns(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, Mapping) for each in value)


def _column(values: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((each for each in names if each in values), None)


def _published(row: Row, values: Columns) -> tuple[tuple[Message, ...], str, list[_Step]]:
    text = fields.text(row, "rl_prompt")
    prompt = dialogue(text) or human_turns(text) or prompt_turns(text, row.where, "rl_prompt")
    chain = values.get("cst")
    if not isinstance(chain, list):
        raise PromptFileError(f"{row.where}: 'cst' must be a list of steps")
    first = fields.texts(row, "initial_response")[0].removeprefix(" ")
    return prompt, first, [_step(each, f"{row.where}: cst[{place}]") for place, each in enumerate(chain)]


def _step(value: Any, where: str) -> _Step:
    held = value if isinstance(value, Mapping) else {}
    requests = held.get("cst_value") if isinstance(held.get("cst_value"), Mapping) else {}
    critique, revision = (_sample(held.get(name), where, name) for name in ("critique", "revision"))
    critic = requests.get("prompt") if isinstance(requests, Mapping) else None
    critic = critic[0] if isinstance(critic, list) and critic else critic
    given = {"critique": critic, "revision": requests.get("edit_request") if requests else None}
    return _Step(
        critique=critique,
        revision=revision,
        principle=str(held.get("cst_key") or ""),
        requests={name: text for name, text in given.items() if isinstance(text, str)},
    )


def _sample(value: Any, where: str, name: str) -> str:
    sample = value.get("sample") if isinstance(value, Mapping) else value
    if not isinstance(sample, str):
        raise PromptFileError(f"{where} has no {name} with the text `sample`")
    return fields.text(Row(where, {name: sample}), name).removeprefix(" ")


FORMAT = (
    Format(
        name="anthropic-revisions",
        help="critique-revision chains of Constitutional AI, as its authors publish them",
        pairs=PairFormat(
            shape="`rl_prompt`, `initial_response`, `cst: [{cst_key, cst_value, critique, revision}]`",
            recognises=has(("rl_prompt", "initial_response", "cst")),
            rank=5,
            read=read_anthropic,
        ),
    ),
    Format(
        name="critique-revision",
        help="critique-revision chains (Hugging Face's cai-conversation and others): a revision against its draft",
        pairs=PairFormat(
            shape="`init_prompt`, `init_response`, `critic_prompt`, `critic_response`, `revision_prompt`, "
            "`revision_response`; or `prompt`, `response`, `critique`, `revision`",
            recognises=recognises,
            rank=8,
            read=read,
        ),
    ),
)

"""Completions brought along, or written by a run: one row a completion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, cast, get_args

from rlaif.atomic import write_lines
from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange.answers import BESIDE, answer_turns
from rlaif.exchange.asked import CONVERSATIONS
from rlaif.exchange.cells import json_form
from rlaif.exchange.columns import is_empty
from rlaif.exchange.conversation import check_conversation
from rlaif.exchange.fields import number, shown
from rlaif.exchange.prompts import plain_prompt, prompt_row, row_prompt
from rlaif.exchange.row_text import row_json
from rlaif.exchange.rows import Row, read_rows
from rlaif.exchange.stepwise import is_stepwise
from rlaif.exchange.tool_calls import call_rows
from rlaif.exchange.turn_cells import has_turns
from rlaif.exchange.turns import turn_rows, turns
from rlaif.records import Completion, Finish, Message, Origin, Prompt, completion_of, is_plain, repeated_call

_FINISHES = get_args(Finish)
MAX_DRAW = 10**9
"""The highest number that a draw can have."""
_OWN = ("completion", "completions", "policy", "draw", "finish", "token_ids")
_BESIDE = ("open_thought", "lead", "turn_keys")
"""Of a completion, where they are set; beside those of `BESIDE`. `turn_keys` are further keys of its last turn."""
_WRITTEN = {"completion", "policy", "draw", "finish"}
"""A row with all of these is one that was written here: its prompt is what was asked, to the letter."""


def read_completions(path: str | Path) -> list[tuple[Prompt, Completion]]:
    """Rows with `prompt` (or `messages`) and `completion`, or `completions` (a list of texts).

    `policy`, `draw`, `finish` and `token_ids` are optional: a text of unknown origin counts as `given`, and
    draws are counted per prompt. `messages` that end with the assistant's turn hold both.
    """
    draws: Counter[str] = Counter()
    pairs = []
    for row in read_rows(path):
        pairs += row_completions(row, draws)
    if not pairs:
        raise PromptFileError(f"{path}: holds no completion; add rows")
    return pairs


def row_completions(row: Row, draws: Counter[str] | None = None) -> list[tuple[Prompt, Completion]]:
    """The completions of one row; `draws` counts those of each prompt, where rows do not say which draw they are."""
    counted = Counter() if draws is None else draws
    prompt, entries = _row(row)
    found = []
    for entry in entries:
        found.append((prompt, _completion(prompt, entry, row.where, counted[prompt.id])))
        counted[prompt.id] += 1
    return found


def write_completions(path: Path, completions: Iterable[tuple[Prompt, Completion]]) -> int:
    """Write a JSONL file that `read_completions` reads back; says how many rows."""
    return write_lines(path, (row_json(row) for row in map(completion_row, completions)))


def _row(row: Row) -> tuple[Prompt, list[dict[str, Any]]]:
    where, value = row
    if not isinstance(value, dict):
        raise PromptFileError(f"{where}: a row must be an object, not {type(value).__name__}")
    written = value.keys() >= _WRITTEN
    own = {key: value[key] for key in _OWN if key in value}
    names = (*_BESIDE, "thought", "tool_calls", "origin") if written else (*BESIDE, *_BESIDE, "thoughts")
    own |= {key: value[key] for key in names if not is_empty(value.get(key))}
    if not has_turns(own.get("lead", [{"role": ""}])):
        del own["lead"]  # a column of that name
    if "thoughts" in own and "completions" not in own:
        raise UnkeptError(where, "column `thoughts` beside one completion", "call it `thought`")
    rest = {key: item for key, item in value.items() if key not in own}
    if is_stepwise(value):
        raise UnkeptError(
            where,
            "`labels` beside `completions`: these are the steps of one answer, and no answers beside each other",
            "train on them (rlaif train process-reward); of answers beside each other remove `labels`",
        )
    if "completion" in own and "completions" in own:
        raise PromptFileError(f"{where}: both `completion` and `completions`; keep one")
    if not {"completion", "completions"} & own.keys():
        rest, own["completion"] = _split(rest, where)
    prompt = (plain_prompt if written else row_prompt)(rest, where)
    return prompt, _several(own, where) if "completions" in own else [own]


def _several(own: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """An entry for each of `completions`, with its thought where `thoughts` has one for each."""
    texts = own.pop("completions")
    if not isinstance(texts, list) or not texts:
        raise PromptFileError(f"{where}: `completions` must be a list of texts, at least one")
    thoughts = own.pop("thoughts", None)
    if thoughts is None:
        thoughts = [None] * len(texts)
    if not isinstance(thoughts, list) or len(thoughts) != len(texts):
        raise PromptFileError(f"{where}: `thoughts` must be a list, with a thought for each of `completions`")
    beside = [name for name in (*BESIDE, *_BESIDE) if name in own]
    if beside and len(texts) > 1:
        raise UnkeptError(
            where, f"column `{beside[0]}` beside several completions", "write a row for each, or the turns"
        )
    return [
        own | {"completion": text} | ({} if is_empty(thought) else {"thought": thought})
        for text, thought in zip(texts, thoughts, strict=True)
    ]


def _split(rest: dict[str, Any], where: str) -> tuple[dict[str, Any], Any]:
    """The row without the assistant's last turn, and that turn."""
    name = next((each for each in CONVERSATIONS if isinstance(rest.get(each), list)), CONVERSATIONS[0])
    whole = rest.get(name)
    given = whole if isinstance(whole, list) and len(whole) > 1 else [None]
    last = given[-1]
    if isinstance(last, dict) and (
        "assistant" in (last.get("role"), last.get("from")) or last.get("from") == "gpt"
    ):
        return rest | {name: given[:-1]}, [last]
    known = ", ".join(rest) or "none"
    raise PromptFileError(f"{where}: no `completion` (columns: {known}); add the text that was answered")


def _completion(prompt: Prompt, entry: dict[str, Any], where: str, draw: int) -> Completion:
    said = _said(prompt, entry, where)
    finish, ids = entry.get("finish", "given"), entry.get("token_ids")
    if finish not in _FINISHES:
        raise PromptFileError(
            f"{where}: `finish` is {shown(finish)}; it must be one of {', '.join(_FINISHES)}"
        )
    policy, place = entry.get("policy", "given"), number(entry.get("draw", draw))
    if place is None or not 0 <= place <= MAX_DRAW or place != int(place):
        raise PromptFileError(f"{where}: `draw` must be a whole number")
    if not isinstance(policy, str):
        raise PromptFileError(f"{where}: `policy` must be text, the name of who wrote it")
    if ids is not None and not (isinstance(ids, list) and all(type(each) is int for each in ids)):
        raise PromptFileError(f"{where}: `token_ids` must be a list of whole numbers")
    return replace(
        completion_of(prompt.id, said, policy=policy, draw=int(place), finish=cast(Finish, finish)),
        token_ids=None if ids is None else tuple(ids),
        open_thought=_flag(entry, where),
        origin=_origin(entry, where),
    )


def _origin(entry: Mapping[str, Any], where: str) -> Origin | None:
    """What a row says of where its completion comes from. Raises PromptFileError for what is no such object."""
    given = entry.get("origin")
    if not given:
        return None
    known = {each.name: each for each in fields(Origin)}
    if not isinstance(given, Mapping) or "kind" not in given or not given.keys() <= known.keys():
        raise PromptFileError(f"{where}: `origin` must be an object with `kind`, and of: {', '.join(known)}")
    for name, value in given.items():
        if not isinstance(value, int if name == "stage" else str) or isinstance(value, bool):
            wanted = "a whole number" if name == "stage" else "text"
            raise PromptFileError(f"{where}: `origin.{name}` is {shown(value)}; it must be {wanted}")
    return Origin(**given)


def _said(prompt: Prompt, entry: dict[str, Any], where: str) -> tuple[Message, ...]:
    """The turns of a completion, with those of `lead` before them."""
    said = answer_turns(entry, where, "completion")
    if "lead" in entry:
        said = (*turns(entry["lead"], where, "lead", role="assistant"), *said)
    further = json_form(entry.get("turn_keys", {}), where, "turn_keys")
    if not isinstance(further, Mapping):
        raise PromptFileError(f"{where}: `turn_keys` must be an object")
    if further:
        said = (*said[:-1], _with_keys(said[-1], further, where))
    if said[0].role != "assistant":
        raise PromptFileError(f"{where}: a completion must begin with a turn of the assistant")
    if not is_plain(said):
        check_conversation((*prompt.messages, *said), where, "completion")
    return said


def _with_keys(turn: Message, keys: Mapping[str, Any], where: str) -> Message:
    """The turn with the further keys that stand beside it in a row of ours: its speaker's name is one of them."""
    name = keys.get("name")
    if name is not None and not isinstance(name, str):
        raise PromptFileError(f"{where}: `turn_keys.name` is {shown(name)}; it must be text")
    rest = {key: value for key, value in keys.items() if key != "name" or not value}
    return replace(turn, name=name or turn.name, extra={**turn.extra, **rest})


def _flag(entry: Mapping[str, Any], where: str) -> bool:
    value = entry.get("open_thought", False)
    if not isinstance(value, bool):
        raise PromptFileError(f"{where}: `open_thought` is {shown(value)}; it must be true or false")
    return value


def completion_row(entry: tuple[Prompt, Completion]) -> dict[str, Any]:
    prompt, said = entry
    if twice := next(filter(None, (repeated_call(turn.tool_calls) for turn in said.turns)), None):
        raise UnkeptError(
            f"completion {said.id}",
            f"has a second call with the id {twice!r:.60}, and could not be read back",
            "give each call an id of its own",
        )
    row = prompt_row(prompt) | {
        "completion": said.text,
        "policy": said.policy,
        "draw": said.draw,
        "finish": said.finish,
    }
    if said.token_ids is not None:
        row["token_ids"] = list(said.token_ids)
    late = {
        "thought": said.thought,
        "open_thought": said.open_thought,
        "tool_calls": call_rows(said.tool_calls, said.extra.get("tool_calls", ())),
        "lead": turn_rows(said.lead),
        "turn_keys": {**({"name": said.name} if said.name else {}), **said.extra},
        "origin": {}
        if said.origin is None
        else {key: item for key, item in asdict(said.origin).items() if item},
    }
    return row | {name: value for name, value in late.items() if value}


def by_prompt(completions: Iterable[tuple[Prompt, Completion]]) -> Iterator[tuple[Prompt, list[Completion]]]:
    """Completions of each prompt together, prompts in the order of their first completion."""
    groups: dict[str, tuple[Prompt, list[Completion]]] = {}
    for prompt, said in completions:
        groups.setdefault(prompt.id, (prompt, []))[1].append(said)
    yield from groups.values()

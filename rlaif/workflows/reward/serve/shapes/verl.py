"""What verl gives a reward function: an answer, or the answers of a batch, and what the data know of each.

It does not give the prompt: `extra_info` must hold it, as `prompt` or, as in its own examples, as `question`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import InputError
from rlaif.workflows.reward.serve.shape import AskedRows, Rewards, WireShape, asked_rows, listed, no_others

_ONE = ("data_source", "solution_str", "ground_truth", "extra_info")
_BATCH = ("data_sources", "solution_strs", "ground_truths", "extra_infos")
_PROMPT = ("prompt", "question")


def read(body: Mapping[str, Any]) -> AskedRows:
    """One row where `solution_str` is given, else a batch. Sources and ground truths are not read."""
    if "solution_str" in body:
        no_others(body, _ONE)
        return _rows([body["solution_str"]], [body.get("extra_info")], ("extra_info", "solution_str"))
    no_others(body, _BATCH)
    return _rows(listed(body, "solution_strs"), listed(body, "extra_infos"), ("extra_infos", "solution_strs"))


def write(body: Mapping[str, Any], rewards: Rewards) -> Mapping[str, Any]:
    """`score` of a row, `scores` of a batch; a null must not reach verl, its client sees to that."""
    return {"score": rewards[0]} if "solution_str" in body else {"scores": list(rewards)}


def _rows(said: Sequence[Any], known: Sequence[Any], names: tuple[str, str]) -> AskedRows:
    return asked_rows([_prompt(each, row, names[0]) for row, each in enumerate(known)], said, names)


def _prompt(known: Any, row: int, name: str) -> Any:
    found = [known[key] for key in _PROMPT if key in known] if isinstance(known, Mapping) else []
    if not found:
        raise InputError(
            f"{name}[{row}] holds no `prompt`: verl gives a reward function the answer alone; put the prompt into "
            "extra_info when you make the data"
        )
    return found[0]


SHAPE = WireShape(
    name="verl",
    says='`{"solution_str": ..., "extra_info": {"prompt": ...}}` -> `{"score": 0.5}`; '
    '`{"solution_strs": [...], "extra_infos": [...]}` -> `{"scores": [...]}`',
    read=read,
    write=write,
)

"""What makes two runs the same run: how what they read is described, and on which keys two descriptions differ.

A run's configuration holds descriptions (digests), no texts. Two commands with equal configurations are one run: the
second goes on with the first. Keys and digests here stand in every `run.json`, so they stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlaif.hashing import digest
from rlaif.records import Completion, Constitution, Prompt

_ABSENT = "(absent)"


def run_id(command: str, config: Mapping[str, Any]) -> str:
    """Digest of a command and its configuration; the same for every process that works on this run."""
    return digest("run", command, config)


def described_constitution(constitution: Constitution) -> dict[str, str]:
    """Name, version and digest of a constitution."""
    return {
        "name": constitution.name,
        "version": constitution.version,
        "digest": constitution.digest,
    }


def described_prompts(prompts: Sequence[Prompt]) -> dict[str, Any]:
    """Count of prompts, and the digest of their ids, tags and golds in their order."""
    rows = [[prompt.id, list(prompt.tags), prompt.gold] for prompt in prompts]
    return {"count": len(prompts), "digest": digest("prompts", rows)}


def described_completions(drawn: Sequence[tuple[Prompt, Completion]]) -> dict[str, Any]:
    """Count of completions, and the digest of who wrote which of them, in their order."""
    texts = [[prompt.id, each.id, each.draw, each.policy, each.finish] for prompt, each in drawn]
    return {"count": len(drawn), "digest": digest("completions", texts)}


def differing(held: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return one line per key on which the run's configuration `held` and the command's `asked` differ."""
    one, other = dict(_flat(held)), dict(_flat(asked))
    both = [(key, one.get(key, _ABSENT), other.get(key, _ABSENT)) for key in {**one, **other}]
    return [f"{key}: {_shown(old)} there, {_shown(new)} asked" for key, old, new in both if old != new]


def _flat(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(config, Mapping) and config:
        for key, value in config.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(config, list) and config:
        for place, value in enumerate(config):
            yield from _flat(value, f"{prefix}.{place}")
    else:
        yield prefix, config


def _shown(value: Any) -> str:
    text = value if value == _ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."

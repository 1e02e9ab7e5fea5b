"""What a sampler elsewhere has drawn, kept until a checkpoint has passed it: a training that is killed draws it once.

A server's draws cannot be had again bit by bit, for they depend on what else it computes. So a resumed training learns
from the very tokens that the killed one drew, and its rewards are calls that the store has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlaif.atomic import write_text
from rlaif.boundary import outside
from rlaif.engines.samplers import TokenText
from rlaif.errors import RunError

Group = Sequence[TokenText]


class KeptDraws:
    """The groups of steps, by the ids of their prompts, in one file a step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, step: int) -> dict[str, list[TokenText]]:
        """The groups of a step that were drawn; empty where none was. Raises RunError for a file that is damaged."""
        path = self._file(step)
        if not path.is_file():
            return {}
        with outside(RunError, str(path), "remove it: its rollouts are then drawn again"):
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            return {
                row["prompt"]: [
                    TokenText(tuple(each["ids"]), tuple(each["logprobs"])) for each in row["drawn"]
                ]
                for row in rows
            }

    def keep(self, step: int, groups: Mapping[str, Group]) -> None:
        """Take in further groups of a step."""
        lines = [
            json.dumps({"prompt": name, "drawn": [each._asdict() for each in group]})
            for name, group in {**self.of(step), **groups}.items()
        ]
        write_text(self._file(step), "".join(f"{line}\n" for line in lines))

    def forget_before(self, step: int) -> None:
        """Remove the files of earlier steps."""
        for path in self._folder.glob("step-*.jsonl"):
            if path.name < self._file(step).name:
                path.unlink(missing_ok=True)

    def _file(self, step: int) -> Path:
        return self._folder / f"step-{step:09}.jsonl"

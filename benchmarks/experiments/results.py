"""Results of an experiment: one JSON file of rows, saved after each row, so that a killed run goes on where it was."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.intervals import around
from rlaif.hashing import digest

HERE = Path(__file__).resolve().parent / "results"


class Results:
    """Rows by what they are rows of. Another setting, or another bundled model, makes other rows."""

    def __init__(self, name: str, setting: Mapping[str, Any], folder: Path = HERE) -> None:
        self.path = folder / f"{name}.json"
        self.setting = dict(setting)
        held = json.loads(self.path.read_text()) if self.path.is_file() else {}
        same = held.get("setting") == json.loads(json.dumps(self.setting))
        self.rows: dict[str, dict[str, Any]] = held["rows"] if same else {}
        self.criteria: list[dict[str, Any]] = []

    def row(self, of: Mapping[str, Any], compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The row of `of`: as it was saved, or computed and saved now."""
        key = digest("experiment row", dict(of))
        if key not in self.rows:
            self.rows[key] = {**of, **compute()}
            self.save()
            print(json.dumps(shown(self.rows[key])), flush=True)
        return self.rows[key]

    def criterion(
        self,
        *,
        method: str,
        criterion: str,
        values: Sequence[float],
        model: str,
        rule: str,
        interval: tuple[float, float] | None = None,
        command: str = "",
        note: str = "",
    ) -> dict[str, Any]:
        """One condition on a method, met or not met; written by the next `save`.

        `values` has one figure a seed, of a comparison the difference in that seed. The `rule` "above 0" or "below 0"
        asks that the whole 95 % interval lies beyond the number, "at least 0.9" or "at most 0.9" that the mean reaches
        it. Without `interval` it is Student's over the seeds. `model` is what it was shown with. Of a condition that
        is not met, `note` says which settings were tried, and why it fails. Raises ValueError for another rule.
        """
        figure = math.fsum(values) / len(values)
        low, high = interval or over_seeds(values)
        wanted, _, number = rule.rpartition(" ")
        compared = {"above": low > float(number), "below": high < float(number)}
        compared |= {"at least": figure >= float(number), "at most": figure <= float(number)}
        if wanted not in compared:
            raise ValueError(f"{rule!r}: say above, below, at least or at most, and a number")
        self.criteria.append(
            {
                "method": method,
                "criterion": criterion,
                "rule": rule,
                "figure": figure,
                "interval": [low, high],
                "met": compared[wanted],
                "seeds": len(values),
                "values": list(values),
                "command": command or f"python benchmarks/experiments/{self.path.stem}.py",
                "model": model,
                "note": note,
            }
        )
        return self.criteria[-1]

    def save(self, **figures: Any) -> None:
        """Write the file whole; `figures` are what the rows come to."""
        found = {"figures": figures, "criteria": self.criteria}
        said = {name: each for name, each in found.items() if each}
        whole = {"setting": self.setting, **said, "rows": self.rows}
        write_text(self.path, json.dumps(whole, indent=1) + "\n")


def over_seeds(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean over seeds, by Student's t. Raises ValueError for fewer than two."""
    n = len(values)
    if n < 2:
        raise ValueError("an interval over seeds needs two of them at least")
    mean = math.fsum(values) / n
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in values) / (n - 1))
    found = around(mean, spread / math.sqrt(n), n, None)
    return found.low, found.high


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without its long lists."""
    return {name: value for name, value in row.items() if not isinstance(value, list)}


def options(description: str | None) -> argparse.ArgumentParser:
    """What every experiment takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--work", type=Path, default=Path("runs/experiments"), help="models and samples go there"
    )
    parser.add_argument("--results", type=Path, default=HERE, help="folder of the JSON file")
    return parser

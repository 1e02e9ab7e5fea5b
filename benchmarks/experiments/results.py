"""Results of an experiment: one JSON file of rows, saved after each row, so that a killed run goes on where it was."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
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

    def row(self, of: Mapping[str, Any], compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The row of `of`: as it was saved, or computed and saved now."""
        key = digest("experiment row", dict(of))
        if key not in self.rows:
            self.rows[key] = {**of, **compute()}
            self.save()
            print(json.dumps(shown(self.rows[key])), flush=True)
        return self.rows[key]

    def save(self, **figures: Any) -> None:
        """Write the file whole; `figures` are what the rows come to."""
        whole = {"setting": self.setting, **({"figures": figures} if figures else {}), "rows": self.rows}
        write_text(self.path, json.dumps(whole, indent=1) + "\n")


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

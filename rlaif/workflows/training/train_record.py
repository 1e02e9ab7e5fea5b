"""`train.json` of a finished training: what commands add to it that the training itself does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.runs.layout import TRAIN_RECORD
from rlaif.runs.record_files import TRAIN_SCHEMA, read_record


def add_to_record(out: Path, name: str, value: Any) -> None:
    """Add a key to `train.json`; once there, it is left alone."""
    record = read_record(out / TRAIN_RECORD, TRAIN_SCHEMA)
    if name not in record:
        write_text(out / TRAIN_RECORD, json.dumps(record | {name: value}, indent=2) + "\n")

"""What a command adds to the record of a finished training."""

from __future__ import annotations

import json
from pathlib import Path

from rlaif.workflows.training.train_record import add_to_record


def test_a_key_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text('{"steps": 3}')
    add_to_record(tmp_path, "seen", 1)
    add_to_record(tmp_path, "seen", 2)
    assert json.loads((tmp_path / "train.json").read_text()) == {"steps": 3, "seen": 1}

"""Notes in the store which training step used which pair, so that `audit show` can say it of one."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from rlaif.runs.layout import METRICS, USED_PAIRS
from rlaif.store import Store
from rlaif.store.files import writable

_LOG = logging.getLogger(__name__)


def note_usage(out: Path, store: Path) -> None:
    """The steps that were taken, under the name of the model's directory; nothing without a store of the project."""
    path, metrics = out / USED_PAIRS, out / METRICS
    if not (path.is_file() and metrics.is_file() and store.is_file()):
        return
    if not writable(store):
        _LOG.warning("%s: cannot be written; which pairs were trained on stands in %s alone", store, path)
        return
    with metrics.open(encoding="utf-8") as stream:
        taken = sum(1 for _ in stream)
    with Store.open(store) as held, path.open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            if row["step"] <= taken:
                held.put_usage(str(out), row["step"], row["pairs"])

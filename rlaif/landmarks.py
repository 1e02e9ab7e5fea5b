"""Files by which a directory is known for ours, for rooms that may not know the layout of a run.

`rlaif.runs.layout` says what they hold, and takes their names from here.
"""

from __future__ import annotations

RUN = "run.json"
"""In the directory of a finished run."""
PAIRS = "pairs.jsonl"
"""In a directory that holds pairs."""
METRICS = "metrics.jsonl"
"""In the directory of a training."""
TRAINING = ".training"
"""In the directory of a training that is not finished."""

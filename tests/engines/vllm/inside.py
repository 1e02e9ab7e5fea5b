"""Runs in vLLM's environment: the engine `vllm:` on the bundled model, then with an adapter; writes what it answers.

.venv-vllm/bin/python tests/engines/vllm/inside.py FOLDER ADAPTER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rlaif.engines.model_directory import resolve_directory
from rlaif.engines.open import open_engine
from tests.engines.vllm.questions import drawing, guided, rows, scoring


def main(folder: str, adapter: str) -> None:
    found: dict[str, Any] = {}
    for name, directory in (("micro", str(resolve_directory("micro"))), ("round", adapter)):
        engine: Any = open_engine(f"vllm:{directory}", batch_tokens=4096)
        before = engine.cache_counts
        scores = rows(engine.score(scoring()))
        after = engine.cache_counts
        found[name] = {
            "fingerprint": engine.fingerprint,
            "scores": scores,
            "cache": {key: after[key] - before[key] for key in after},
            "drawn": rows(engine.generate(drawing())),
            "again": rows(engine.generate(reversed(drawing()))),
            "guided": rows(engine.generate(guided())),
        }
        del engine
    Path(folder, "answers.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

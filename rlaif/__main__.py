"""`python -m rlaif`: the command, for launchers such as `torchrun -m rlaif train ...`.

Of a launch's processes the first one speaks; the others print nothing but what goes wrong.
"""

from __future__ import annotations

import os
import sys

from rlaif.cli.main import main


def _spoken_for() -> bool:
    return os.environ.get("RANK", "0") != "0"


if __name__ == "__main__":
    if _spoken_for():
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            sys.stdout = nowhere
            sys.exit(main())
    sys.exit(main())

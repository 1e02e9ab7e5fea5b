"""Whether a process of the machine still runs."""

from __future__ import annotations

import os
from pathlib import Path


def runs(pid: int) -> bool:
    """Whether it does: one that nobody has waited for yet has ended all the same."""
    try:
        os.kill(pid, 0)
        # it may end between the two, or while it is read
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

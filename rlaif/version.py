"""The version of the package, said once: `pyproject.toml` says the same, which a test holds."""

from __future__ import annotations

__version__ = "0.1.0"

"""A judge check as `rlaif judge check --out DIR` recorded it, read back, and its calibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.review.panels import CalibrationPanel
from rlaif.runs.layout import CHECK
from rlaif.runs.record_files import CHECK_SCHEMA, read_record_if_there


def read_check(run: Path) -> Mapping[str, Any] | None:
    """What `rlaif judge check --json` prints, from a directory of one; None where it is none.

    Raises RunError for a file that is not as rlaif wrote it.
    """
    found: Mapping[str, Any] | None = read_record_if_there(run / CHECK, CHECK_SCHEMA)
    return found


def check_calibration(told: Mapping[str, Any]) -> CalibrationPanel:
    """What the judge says against what is true."""
    bins = [(each["size"], each["said"], each["true"]) for each in told["calibration"].get("bins", ())]
    error = told["calibration"].get("calibration_error")
    title = "accuracy by label probability" if error is None else f"calibration: error {error:.3f}"
    return CalibrationPanel(title=title, bins=bins)

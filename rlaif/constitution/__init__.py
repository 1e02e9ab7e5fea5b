"""Constitutions: files that people edit, read into `rlaif.records.Constitution`, and checked for slips."""

from rlaif.constitution.lint import Finding, applies, lint
from rlaif.constitution.load import load_constitution, load_principles
from rlaif.constitution.release import edited_release, release_findings

__all__ = [
    "Finding",
    "applies",
    "edited_release",
    "lint",
    "load_constitution",
    "load_principles",
    "release_findings",
]

"""Constitutions: load YAML into `rlaif.records.Constitution`, resolve inheritance, digest, compare, lint."""

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

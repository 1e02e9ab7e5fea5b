"""Constitutions: files that people edit, read into `rlaif.records.Constitution`, and checked for slips."""

from rlaif.constitution.lint import Finding, applies, lint
from rlaif.constitution.load import load_constitution, load_principles

__all__ = ["Finding", "applies", "lint", "load_constitution", "load_principles"]

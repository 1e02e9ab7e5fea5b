"""Tests mirror the package; packages, so that builders can be shared."""

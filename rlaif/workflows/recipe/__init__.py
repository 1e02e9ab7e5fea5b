"""`rlaif run`: recipes, which are steps over artefacts. Start at `run.py`."""

"""The steps of recipes. A step is one file here whose `STEP` says everything of it; no list names it."""

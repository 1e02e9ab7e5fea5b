"""`rlaif constitution diff --impact`: which pairs of a run an edited constitution changes. Start at `run.py`."""

"""`rlaif judge check`: how good a judge is on pairs whose better side is known. Start at `run.py`."""

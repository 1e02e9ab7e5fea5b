"""`rlaif train`: pairs to a model. Start at `run.py`."""

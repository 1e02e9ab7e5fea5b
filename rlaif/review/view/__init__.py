"""`rlaif view`: local pages over all runs of a project, read from their files. Start at `app.py`."""

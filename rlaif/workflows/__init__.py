"""One folder per command: each composes the rooms below into the job that the command does."""

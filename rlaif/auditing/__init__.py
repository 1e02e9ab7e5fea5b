"""Statistics over judgments and runs: agreement, position and length bias, intervals, flags. Pure arithmetic."""

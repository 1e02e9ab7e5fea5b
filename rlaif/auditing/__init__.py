"""Figures on judges and runs: agreement, preference for place and length, intervals, flags. Pure arithmetic."""

"""`--dry-run`: what a command would ask, and what that would cost. No model is opened."""

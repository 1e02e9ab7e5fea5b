"""Access to models: `generate` and `score`, one folder per backend. Everything above uses these two requests only."""

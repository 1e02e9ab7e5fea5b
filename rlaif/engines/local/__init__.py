"""Models in this process: generation and scoring with transformers, prefixes shared."""

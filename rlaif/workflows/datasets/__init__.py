"""`rlaif import`, `export`, `pack` and `review`: preferences that come in and go out."""

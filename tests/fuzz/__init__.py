"""Fuzz tests, one file a boundary: half a minute each in `make test-heavy`, as long as you like by `make fuzz`."""

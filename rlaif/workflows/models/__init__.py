"""The models of a command: opened once by name, counted, let go."""

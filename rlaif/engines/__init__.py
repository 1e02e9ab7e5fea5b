"""The one door to models: everything above speaks `GenerateRequest` and `ScoreRequest` only."""

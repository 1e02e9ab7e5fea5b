"""Pages for people: the HTML report of a run and the local review app. Judges and trains nothing."""

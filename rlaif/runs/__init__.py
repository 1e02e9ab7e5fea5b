"""A run is a directory: who claims it (`claim`), what lies where in it (`layout`), what it is (`identity`)."""

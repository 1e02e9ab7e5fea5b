"""Run directories: who claims one (`claim`), what lies where in it (`layout`), what identifies it (`identity`)."""

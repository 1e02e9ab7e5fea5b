"""What all tests share: hypothesis goes by no clock."""

from hypothesis import HealthCheck, settings

# the first call of an operator loads its library, and a busy machine is slow: time says nothing about a rule
settings.register_profile("no-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clock")

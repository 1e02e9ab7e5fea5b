"""`alarm:` of a train step: says when a policy exploits its reward, by everything but gold."""

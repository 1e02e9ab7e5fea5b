"""`rlaif serve-reward`: a judge as an HTTP reward for trainers that run elsewhere."""

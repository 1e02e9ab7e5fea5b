"""A judge as a reward, for trainers that live outside: `rlaif.reward(...)`."""

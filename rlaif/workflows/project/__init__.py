"""`rlaif init`, `status` and `report`."""

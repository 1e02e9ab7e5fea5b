"""One readable function a step, and the runner that plays recipes in rounds. Composes the lower floors."""

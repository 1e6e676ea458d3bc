"""The sources that come with the simulator: random, and replay."""

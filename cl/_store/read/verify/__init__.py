"""Whether a recording is what was recorded: what `python -m cl verify` does."""

"""What a recording stands on: its plan, what is captured, and who writes it."""

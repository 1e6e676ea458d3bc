"""The simulator: its data sources, and the classes for the user's own."""

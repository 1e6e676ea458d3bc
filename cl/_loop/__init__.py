"""What a loop stands on: one pass over it, and the tick that its body sees."""

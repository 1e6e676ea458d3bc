"""Stimulation: what programs ask for, and the 50 kHz machine that does it."""

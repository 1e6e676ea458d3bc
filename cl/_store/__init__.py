"""Recordings: writing, reading and recovering them."""

"""Checks that our own sources and devices pass, for those that others write."""

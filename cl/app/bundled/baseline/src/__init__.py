"""The application's entry."""

from .app import Baseline

application = Baseline()

"""The plot of a spike, under the name that notebooks import it from."""

from __future__ import annotations

from cl._store.read.plots import plot_spike, uV_formatter
from cl.events import Spike

from .deprecation import deprecated

__all__ = ["Spike", "deprecated", "plot_spike", "uV_formatter"]

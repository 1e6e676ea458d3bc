"""The only way up: what a lower room uses of a higher one, loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import Any, Final

UPWARDS: Final = {
    "analyse_criticality": "cl.analysis.metrics.criticality:analyse_criticality",
    "analyse_dct_features": "cl.analysis.metrics.dct_features:analyse_dct_features",
    "analyse_firing_stats": "cl.analysis.metrics.firing_stats:analyse_firing_stats",
    "analyse_functional_connectivity": "cl.analysis.metrics.connectivity:analyse_functional_connectivity",
    "analyse_information_entropy": "cl.analysis.metrics.information_entropy:analyse_information_entropy",
    "analyse_lempel_ziv_complexity": "cl.analysis.metrics.lempel_ziv:analyse_lempel_ziv_complexity",
    "analyse_network_bursts": "cl.analysis.metrics.network_bursts:analyse_network_bursts",
    "analyse_spike_triggered_histogram": "cl.analysis.metrics.histogram:analyse_spike_triggered_histogram",
    "analysis_results": "cl.analysis.results.every:classes",
    "numbers_of": "cl.analysis.pictures.every:numbers_of",
    "picture_of": "cl.analysis.pictures.every:picture_of",
    "start_server": "cl.visualisation:start_server",
}
"""Each name, and the module and attribute behind it."""


def from_above(name: str) -> Any:
    """Return what a row of the table names."""
    module, attribute = UPWARDS[name].split(":")
    return getattr(importlib.import_module(module), attribute)

"""The metrics of `cl.analysis` as methods of views; what they return is typed in metrics.pyi."""

from __future__ import annotations

from typing import Any

from cl._values.upwards import from_above


class Metrics:
    """The metrics of a view.

    Every `analyse_` method returns a result of `cl.analysis`, a pydantic model that is independent of the
    view; it needs the extra `cl-aio[analysis]` (ImportError). Errors of arguments are TypeError and
    ValueError, before anything is computed; a recording without spikes is a ValueError.
    """

    def analyse_firing_stats(self, bin_size_sec: float = 1.0) -> Any:
        """Return an `AnalysisResultFiringStats`: rates and inter-spike intervals; see `cl.analysis`."""
        return from_above("analyse_firing_stats")(self, bin_size_sec)

    def analyse_network_bursts(
        self,
        bin_size_sec: float,
        onset_freq_hz: float,
        offset_freq_hz: float,
        min_active_channels: int | None = None,
    ) -> Any:
        """Return an `AnalysisResultNetworkBursts`: when the whole culture bursts; see `cl.analysis`."""
        return from_above("analyse_network_bursts")(
            self, bin_size_sec, onset_freq_hz, offset_freq_hz, min_active_channels
        )

    def analyse_criticality(
        self,
        bin_size_sec: float,
        percentile_threshold: float,
        max_lags_branching_ratio: int = 40,
        duration_thresholds: tuple[int, int] = (2, 5),
        min_spike_count_threshold: int = 10,
        n_bootstraps: int = 100,
        random_seed: int = 42,
    ) -> Any:
        """Return an `AnalysisResultCriticality`: avalanches and their exponents; see `cl.analysis`."""
        return from_above("analyse_criticality")(
            self,
            bin_size_sec,
            percentile_threshold,
            max_lags_branching_ratio,
            duration_thresholds,
            min_spike_count_threshold,
            n_bootstraps,
            random_seed,
        )

    def analyse_information_entropy(
        self, bin_size_sec: float, fillna: float | None = 0.0, log_base: float | None = None
    ) -> Any:
        """Return an `AnalysisResultInformationEntropy`: of the active channels; see `cl.analysis`."""
        return from_above("analyse_information_entropy")(self, bin_size_sec, fillna, log_base)

    def analyse_lempel_ziv_complexity(
        self,
        bin_size_sec: float,
        min_bin_count: int = 2,
        normalise: bool = True,
        use_binary: bool = True,
    ) -> Any:
        """Return an `AnalysisResultComplexityLempelZiv`: of each channel's spikes; see `cl.analysis`."""
        return from_above("analyse_lempel_ziv_complexity")(
            self, bin_size_sec, min_bin_count, normalise, use_binary
        )

    def analyse_dct_features(self, k: int) -> Any:
        """Return an `AnalysisResultDctFeatures`: where on the grid it fires; see `cl.analysis`."""
        return from_above("analyse_dct_features")(self, k)

    def analyse_spike_triggered_histogram(
        self,
        bin_size_sec: float,
        start_sec: float,
        end_sec: float,
        num_channels: int,
        min_firing_rate_threshold_hz: float = 0.1,
    ) -> Any:
        """Return an `AnalysisResultSpikeTriggeredHistogram`: of pairs of channels; see `cl.analysis`."""
        return from_above("analyse_spike_triggered_histogram")(
            self, bin_size_sec, start_sec, end_sec, num_channels, min_firing_rate_threshold_hz
        )

    def analyse_functional_connectivity(self, bin_size_sec: float, correlation_threshold: float = 0.6) -> Any:
        """Return an `AnalysisResultsFunctionalConnectivity`: the graph of channels; see `cl.analysis`."""
        return from_above("analyse_functional_connectivity")(self, bin_size_sec, correlation_threshold)

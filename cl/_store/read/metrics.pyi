# What an editor and a type checker see of the metrics: their results are of a higher layer, which metrics.py
# may not import.
from cl.analysis.results.connectivity import AnalysisResultsFunctionalConnectivity
from cl.analysis.results.criticality import AnalysisResultCriticality
from cl.analysis.results.dct_features import AnalysisResultDctFeatures
from cl.analysis.results.firing_stats import AnalysisResultFiringStats
from cl.analysis.results.histogram import AnalysisResultSpikeTriggeredHistogram
from cl.analysis.results.information_entropy import AnalysisResultInformationEntropy
from cl.analysis.results.lempel_ziv import AnalysisResultComplexityLempelZiv
from cl.analysis.results.network_bursts import AnalysisResultNetworkBursts

class Metrics:
    def analyse_firing_stats(self, bin_size_sec: float = 1.0) -> AnalysisResultFiringStats: ...
    def analyse_network_bursts(
        self,
        bin_size_sec: float,
        onset_freq_hz: float,
        offset_freq_hz: float,
        min_active_channels: int | None = None,
    ) -> AnalysisResultNetworkBursts: ...
    def analyse_criticality(
        self,
        bin_size_sec: float,
        percentile_threshold: float,
        max_lags_branching_ratio: int = 40,
        duration_thresholds: tuple[int, int] = (2, 5),
        min_spike_count_threshold: int = 10,
        n_bootstraps: int = 100,
        random_seed: int = 42,
    ) -> AnalysisResultCriticality: ...
    def analyse_information_entropy(
        self, bin_size_sec: float, fillna: float | None = 0.0, log_base: float | None = None
    ) -> AnalysisResultInformationEntropy: ...
    def analyse_lempel_ziv_complexity(
        self,
        bin_size_sec: float,
        min_bin_count: int = 2,
        normalise: bool = True,
        use_binary: bool = True,
    ) -> AnalysisResultComplexityLempelZiv: ...
    def analyse_dct_features(self, k: int) -> AnalysisResultDctFeatures: ...
    def analyse_spike_triggered_histogram(
        self,
        bin_size_sec: float,
        start_sec: float,
        end_sec: float,
        num_channels: int,
        min_firing_rate_threshold_hz: float = 0.1,
    ) -> AnalysisResultSpikeTriggeredHistogram: ...
    def analyse_functional_connectivity(
        self, bin_size_sec: float, correlation_threshold: float = 0.6
    ) -> AnalysisResultsFunctionalConnectivity: ...

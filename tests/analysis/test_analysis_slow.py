"""Every metric equals its plain definition, on random recordings of every kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from analysis import slow_metrics as slow
from analysis.analysis_files import write_recording
from analysis.analysis_samples import write_sample
from analysis.slow_metrics import Slow
from analysis.test_analysis_vectors import check, largest, plain
from extras import need_extra
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

need_extra("analysis", "pydantic", "scipy", "networkx")

from cl import RecordingView  # noqa: E402

DURATION = 3_000
once_a_test = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FEW_CHANNELS = [1, 2, 3, 9, 62]
ANY_CHANNEL = [*FEW_CHANNELS, 0, 4, 7, 56, 63]
limits = st.none() | st.tuples(st.integers(0, DURATION), st.integers(0, DURATION)).map(
    lambda pair: (min(pair), max(pair))
)
sizes = st.sampled_from([0.0004, 0.002, 0.0029, 0.01, 0.05, 0.2])


@st.composite
def rows(draw: st.DrawFn, channels: Any = ANY_CHANNEL) -> list[tuple[int, int]]:
    """Draw the rows of a table: none, one or many, some twice, some beyond the end, in any order."""
    chance = Random(draw(st.integers(0, 1 << 32)))
    count = draw(st.sampled_from([60, 150, 12, 2, 1, 0]))
    last = DURATION + 7 * draw(st.booleans())
    found = [(chance.randrange(last), chance.choice(channels)) for _ in range(count)]
    found += [
        (chance.choice([0, DURATION - 1, DURATION]), channels[0]) for _ in range(draw(st.integers(0, 2)))
    ]
    for at in (chance.randrange(DURATION - 40) for _ in range(draw(st.integers(0, 3)))):
        found += [(at + 3 * i, 9 + i % 8) for i in range(12)]
    found += found[: draw(st.sampled_from([0, 0, 3]))]
    if draw(st.booleans()):
        found.sort()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    return tmp_path


def look(folder: Path, given_rows: Any, limit: tuple[int, int] | None, **more: Any) -> RecordingView:
    """Return a view of a recording with these rows and this limit."""
    view = RecordingView(write_recording(folder / "spikes.h5", DURATION, given_rows, **more))
    if limit is not None:
        view.analysis_timestamp_limit(*limit)
    return view


def equal(result: Any, expected: dict[str, Any]) -> None:
    """Assert that a result's fields are what is expected."""
    for name, value in expected.items():
        wanted = "NaN" if isinstance(value, float) and math.isnan(value) else value
        check(plain(getattr(result, name)), wanted, 1e-9, 1e-10 * largest(wanted) + 1e-12, name)


@once_a_test
@given(rows=rows(), limit=limits, seconds=sizes)
def test_firing(folder: Path, rows: Any, limit: Any, seconds: float) -> None:
    with look(folder, rows, limit) as view:
        if limit is not None and limit[0] == limit[1]:
            with pytest.raises(ValueError, match="at least one bin"):
                view.analyse_firing_stats(seconds)
            return
        equal(view.analyse_firing_stats(seconds), slow.firing(Slow(rows, DURATION, limit), seconds))


@once_a_test
@given(
    rows=rows(),
    limit=limits,
    seconds=sizes,
    onset=st.sampled_from([0, 0.5, 3, 20, 100]),
    offset=st.sampled_from([0, 0.5, 3, 50]),
    active=st.sampled_from([None, 0, 2, 16, 100]),
)
def test_bursts(
    folder: Path, rows: Any, limit: Any, seconds: float, onset: float, offset: float, active: Any
) -> None:
    with look(folder, rows, limit) as view:
        found = view.analyse_network_bursts(seconds, onset, offset, active)
    equal(found, slow.bursts(Slow(rows, DURATION, limit), seconds, onset, offset, active))


@once_a_test
@given(rows=rows(), limit=limits, seconds=sizes, base=st.sampled_from([None, 2, 10, 0.5]))
def test_entropy(folder: Path, rows: Any, limit: Any, seconds: float, base: Any) -> None:
    with look(folder, rows, limit) as view:
        found = view.analyse_information_entropy(seconds, log_base=base)
    equal(found, slow.entropy(Slow(rows, DURATION, limit), seconds, base))


@once_a_test
@given(
    rows=rows(),
    limit=limits,
    seconds=sizes,
    least=st.integers(0, 40),
    normalise=st.booleans(),
    binary=st.booleans(),
)
def test_complexity(
    folder: Path, rows: Any, limit: Any, seconds: float, least: int, normalise: bool, binary: bool
) -> None:
    with look(folder, rows, limit) as view:
        found = view.analyse_lempel_ziv_complexity(seconds, least, normalise, binary)
    equal(found, slow.complexity(Slow(rows, DURATION, limit), seconds, least, normalise, binary))


@once_a_test
@given(rows=rows(FEW_CHANNELS), limit=limits, k=st.integers(1, 10))
def test_dct(folder: Path, rows: Any, limit: Any, k: int) -> None:
    from scipy.fft import dctn

    with look(folder, rows, limit) as view:
        found = view.analyse_dct_features(k)
    window = Slow(rows, DURATION, limit)
    equal(found, slow.dct(window, k))
    grid = [[len(window.train(8 * column + row)) for column in range(8)] for row in range(8)]
    transformed = dctn(grid, norm="ortho")
    for i in range(min(k, 8)):
        for j in range(min(k, 8)):
            twice = 2 ** ((i == 0) + (j == 0))
            assert found.dct_features[f"dct{i}{j}_firing"] == pytest.approx(
                transformed[i, j] * twice, abs=1e-9
            )


@once_a_test
@given(
    rows=rows(FEW_CHANNELS),
    limit=limits,
    start=st.sampled_from([0.01001, 0.00101, 0.1, 0.00501]),
    end=st.sampled_from([0.01001, 0.0, 0.00303]),
    most=st.integers(0, 5),
    least=st.sampled_from([0.1, 60, -1.0]),
)
def test_histograms(
    folder: Path, rows: Any, limit: Any, start: float, end: float, most: int, least: float
) -> None:
    with look(folder, rows, limit) as view:
        found = view.analyse_spike_triggered_histogram(0.0013, start, end, most, least)
    edges = np.arange(-start, end + 0.0013, 0.0013).tolist()
    equal(found, slow.histograms(Slow(rows, DURATION, limit), edges, start, end, most, least))
    assert found.histogram_bins.tolist() == (edges if found.num_eligible_channels else [])


@pytest.mark.parametrize("start", [-0.05, -0.1, 0.0, -1 / 3, 0.07])
@pytest.mark.parametrize("size", [0.005, 0.001, 0.1, 1 / 7])
def test_lags_at_the_edges_of_bins(start: float, size: float) -> None:
    from cl.analysis.kernels import count_lags

    edges = np.arange(start, start + 60 * size, size)
    for values in (edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)):
        found = count_lags(np.zeros(1), values, 1e9, 1e9, edges)
        assert found.tolist() == np.histogram(values, edges)[0].tolist()


@once_a_test
@given(
    rows=rows(FEW_CHANNELS),
    limit=limits,
    seconds=st.sampled_from([0.002, 0.01, 0.04]),
    threshold=st.sampled_from([0.0, 0.1, 0.33, 0.9]),
)
def test_connectivity(folder: Path, rows: Any, limit: Any, seconds: float, threshold: float) -> None:
    import networkx

    with look(folder, rows, limit) as view:
        found = view.analyse_functional_connectivity(seconds, threshold)
    matrix = np.array(slow.correlations(Slow(rows, DURATION, limit), seconds))
    near = np.abs(np.abs(matrix) - threshold) < 1e-9  # either way, there
    expected = np.where(np.abs(matrix) < threshold, 0, matrix)
    np.testing.assert_allclose(found.adjacency_matrix[~near], expected[~near], rtol=1e-9, atol=1e-12)
    graph = networkx.from_numpy_array(found.adjacency_matrix)
    edges = graph.number_of_edges()
    weights = [weight for _, _, weight in graph.edges(data="weight")]
    assert found.total_edge_weights == pytest.approx(sum(weights), abs=1e-12)
    assert found.average_edge_weights == pytest.approx(sum(weights) / max(edges, 1), abs=1e-12)
    if edges:
        coefficients = networkx.clustering(graph, weight="weight").values()
        assert found.clustering_coefficient == pytest.approx(
            np.mean([np.real(c) for c in coefficients]), abs=1e-9
        )
        for _, _, data in graph.edges(data=True):
            data["length"] = abs(data["weight"])
        betweenness = max(networkx.betweenness_centrality(graph, weight="length").values())
        assert found.max_betweenness_centrality == pytest.approx(betweenness, abs=1e-9)
    check_communities(found, graph)


def check_communities(found: Any, graph: Any) -> None:
    """Assert that the partition is a partition of all nodes that has the modularity told."""
    import networkx

    strengths = [strength for _, strength in graph.degree(weight="weight")]
    if not graph.number_of_edges() or min(strengths) < 0:
        assert (found.graph_partition, found.modularity_index) == ({}, 0.0)
        return
    assert found.graph_partition.keys() == set(range(64))
    communities: dict[int, set[int]] = {}
    for node, community in found.graph_partition.items():
        communities.setdefault(community, set()).add(node)
    modularity = networkx.community.modularity(graph, communities.values())
    assert found.modularity_index == pytest.approx(modularity, abs=1e-9)
    for seed in (20, 21):
        other = networkx.community.louvain_communities(graph, seed=seed)
        assert found.modularity_index >= networkx.community.modularity(graph, other) - 1e-9
        assert modularity >= -1e-9


@once_a_test
@given(
    rows=rows(FEW_CHANNELS),
    limit=limits,
    seconds=st.sampled_from([0.0004, 0.001, 0.004]),
    percentile=st.sampled_from([0.0, 0.3, 0.77, 1.0]),
    high=st.integers(1, 8),
)
def test_avalanches(
    folder: Path, rows: Any, limit: Any, seconds: float, percentile: float, high: int
) -> None:
    with look(folder, rows, limit) as view:
        found = view.analyse_criticality(seconds, percentile, 5, (1, high), n_bootstraps=3)
    expected = slow.avalanches(Slow(rows, DURATION, limit), seconds, percentile)
    equal(found, expected)
    equal(found, slow.profiles(expected["avalanche_spike_counts_per_bin"], 1, high))


@pytest.mark.parametrize("lengths", [(2, 3, 5), (1, 2, 4, 7), (4,), (3, 3), (1,), ()])
def test_the_collapse_and_its_bootstrap(lengths: tuple[int, ...]) -> None:
    from cl.analysis.criticality.shape_collapse import Collapse

    chance = Random(3)
    # As many bins wide whatever the duration, about: the longer, the narrower in scaled time.
    shapes = [
        [math.exp(-abs(2 * j + 1 - length)) + chance.random() / 20 for j in range(length)]
        for length in lengths
    ]
    shapes = [[p / sum(shape) for p in shape] for shape in shapes]
    collapse = Collapse([np.array(shape) for shape in shapes])
    every = np.arange(len(shapes))
    best = collapse.best(every, collapse.spread(every))
    assert best == pytest.approx(slow.collapse(shapes), abs=1e-12, nan_ok=True)
    std = collapse.bootstrap(20, 7)
    assert std == pytest.approx(slow.bootstrap(shapes, 20, 7), abs=1e-12, nan_ok=True)
    assert len(lengths) < 3 or (0 < best < 1 and std > 0)


def test_a_draw_of_one_duration_and_avalanches_of_one_bin_collapses_at_0() -> None:
    from cl.analysis.criticality.shape_collapse import Collapse

    chance = Random(1)
    for _ in range(30):
        collapse = Collapse([np.array([1.0]), np.array([chance.random() for _ in range(7)])])
        drawn = np.array([1, 1, 0, 1])
        assert collapse.best(drawn, collapse.spread(drawn)) == 0


@pytest.mark.parametrize(("seed", "seconds"), [(5, 0.004), (6, 0.002), (8, 0.02)])
def test_the_scaling_relation(tmp_path: Path, seed: int, seconds: float) -> None:
    with RecordingView(write_sample(tmp_path / "a.h5", seed)) as view:
        found = view.analyse_criticality(seconds, 0.3, 5, min_spike_count_threshold=4, n_bootstraps=0)
    equal(found, slow.scaling(found))
    assert seed != 5 or len(found.scaling_relation_time_values) > 3


def test_the_first_of_equal_power_laws_is_taken() -> None:
    from cl.analysis.criticality.power_law import Histogram, fit

    class Level(Histogram):
        def distance(self, exponent: float, least: int, first: int) -> float:
            return 0.5 if least == 1 else 0.25

    assert fit(Level.of(np.array([1, 2, 2, 3, 4, 7])), 4).least == 2


@settings(max_examples=25, deadline=None)
@given(
    data=st.lists(st.integers(1, 12) | st.integers(1, 60), min_size=1, max_size=60),
    limit=st.integers(0, 12),
)
def test_the_power_law(data: list[int], limit: int) -> None:
    from cl.analysis.criticality.power_law import Histogram, find_bounds, fit

    histogram = Histogram.of(np.array(data))
    assert fit(histogram, limit) == pytest.approx(slow.power_law(data, limit), rel=1e-9, nan_ok=True)
    assert find_bounds(histogram, limit) == pytest.approx(slow.bounds(data, limit), rel=1e-9, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.2, 9), st.floats(-3, 9), st.floats(0.1, 5), st.floats(0, 3))
def test_the_minimum_is_that_of_scipy(start: float, centre: float, steep: float, waves: float) -> None:
    from scipy.optimize import fmin as scipys

    from cl.analysis.criticality.minimum import fmin

    def bowl(x: float) -> float:
        return steep * (x - centre) ** 2 + waves * math.sin(x)

    assert fmin(bowl, start) == float(scipys(lambda x: bowl(float(x[0])), start, disp=False)[0])


@settings(max_examples=10, deadline=None)
@given(
    activity=st.lists(st.integers(0, 6), min_size=20, max_size=60).filter(lambda a: len(set(a[:-4])) > 1),
    max_lags=st.integers(2, 6),
)
def test_the_branching_ratio_is_that_of_scipy(activity: list[int], max_lags: int) -> None:
    import warnings

    from scipy.optimize import curve_fit
    from scipy.stats import linregress

    from cl.analysis.criticality.branching import branching_ratio

    a = np.array(activity)
    found = branching_ratio(a, np.zeros(len(a), np.int64), max_lags)
    lags = np.arange(1, max_lags, dtype=float)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            regressions = [linregress(a[:-k], a[k:]) for k in range(1, max_lags)]
            slopes = np.array([r.slope for r in regressions])
            sigma = np.array([r.stderr for r in regressions]) * np.linspace(1, 10, len(lags))
            expected, _ = curve_fit(
                lambda k, u, m: np.abs(u) * np.abs(m) ** k,
                lags,
                slopes,
                [slopes[0], 1.0],
                sigma,
                maxfev=50_000,
            )
    except (TypeError, ValueError, RuntimeError):
        assert math.isnan(found.ratio) and not len(found.lags)
        return
    if np.isfinite(expected).all() and (sigma > 0).all():
        np.testing.assert_allclose(found.slopes, slopes, rtol=1e-9, atol=1e-12)
        for k, slope in zip(range(1, max_lags), found.slopes, strict=True):
            assert slope == pytest.approx(slow.regression(activity[:-k], activity[k:]), rel=1e-12)
        np.testing.assert_allclose(
            np.abs(found.parameters[0]) * np.abs(found.parameters[1]) ** lags,
            np.abs(expected[0]) * np.abs(expected[1]) ** lags,
            rtol=1e-4,
            atol=1e-6,
        )

"""Plots: drawn, saved or shown, and nothing left open."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.analysis_files import write_recording
from analysis.analysis_samples import open_fonts, results_of, write_sample
from extras import need_extra

need_extra("analysis", "pydantic", "scipy", "networkx", "matplotlib")

import matplotlib  # noqa: E402

matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.colors import to_rgba  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from cl import RecordingView  # noqa: E402

SHOW = pyplot.show
PLOTS = {
    "plot": ("network_bursts", "dct_features", "spike_triggered_histogram", "functional_connectivity"),
    "plot_avalanche_sizes": ("criticality",),
    "plot_avalanche_durations": ("criticality",),
    "plot_deviation_from_criticality_coefficient": ("criticality",),
    "plot_branching_ratio": ("criticality",),
    "plot_avalanche_shape_collapse_analysis": ("criticality",),
}
EVERY = [(metric, plot) for plot, metrics in PLOTS.items() for metric in metrics]
WITH_AX = [(m, p) for m, p in EVERY if m not in ("network_bursts", "dct_features")]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("sample")
    open_fonts(folder)
    return results_of(write_sample(folder / "sample.h5"))


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Any]]:
    """Collect the figures that are shown; none stays open, and no file is left in the working directory."""
    found: list[Any] = []
    monkeypatch.setitem(matplotlib.rcParams, "savefig.dpi", 40)  # in a fraction of the time
    monkeypatch.setattr(pyplot, "show", lambda block: found.append((pyplot.gcf(), block)))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield found
    assert not pyplot.get_fignums()
    assert not list(Path().iterdir())


def text_of(figure: Any) -> str:
    """Return the texts of a figure's titles and labels."""
    found = [figure.get_suptitle()]
    for ax in figure.axes:
        found += [ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
        found += [text.get_text() for text in (ax.get_legend().get_texts() if ax.get_legend() else ())]
    return "\n".join(found)


def is_drawn(path: Path) -> bool:
    """Return whether a picture is more than one colour."""
    return bool(pyplot.imread(path).std() > 0.01)


@pytest.mark.parametrize(("metric", "plot"), EVERY)
def test_a_plot_is_saved(metric: str, plot: str, results: dict[str, Any], tmp_path: Path, shown: Any) -> None:
    drawn = getattr(results[metric], plot)(save_path=tmp_path / "plot.png", title="A title of its own")
    assert is_drawn(tmp_path / "plot.png")
    assert shown == []
    (tmp_path / "plot.png").unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]
    first = drawn[0] if isinstance(drawn, list) else drawn
    if first is not None:
        figure = first if hasattr(first, "savefig") else first.figure
        assert "A title of its own" in text_of(figure)


@pytest.mark.parametrize(("metric", "plot"), EVERY)
def test_a_plot_of_its_own_is_shown(metric: str, plot: str, results: dict[str, Any], shown: Any) -> None:
    getattr(results[metric], plot)()
    assert [block for _, block in shown] == [True]


@pytest.mark.parametrize(("metric", "plot"), WITH_AX)
def test_given_axes_are_only_drawn_on(
    metric: str, plot: str, results: dict[str, Any], shown: Any, tmp_path: Path
) -> None:
    figure, other = Figure(), pyplot.figure()
    several = {"plot_avalanche_shape_collapse_analysis": 3, "plot": 6}.get(plot, 1)
    name = "axes" if several > 1 and metric != "functional_connectivity" else "ax"
    axes: Any = figure.subplots(several if name == "axes" else 1)
    given = list(axes) if name == "axes" else axes
    drawn = getattr(results[metric], plot)(**{name: given})
    assert drawn == given and shown == []
    assert not other.axes
    pyplot.close(other)


def test_a_plot_that_cannot_be_shown_says_nothing(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyplot, "show", SHOW)
    results["criticality"].plot_branching_ratio()
    with RecordingView(write_recording(tmp_path / "a.h5", 1000, [(3, 9), (4, 10)])) as view:
        for plot in (lambda: view.plot_spike(view.spikes[0]), view.plot_rates, view.plot_spikes_and_stims):
            axes = plot()
            # As in cl-sdk: a program without a screen saves it from there.
            assert pyplot.gcf() is axes.figure
    pyplot.close("all")


def test_all_plots_are_shown_alike(tmp_path: Path, shown: Any) -> None:
    with RecordingView(write_recording(tmp_path / "a.h5", 1000, [(3, 9), (4, 10)])) as view:
        for plot in (lambda: view.plot_spike(view.spikes[0]), view.plot_rates, view.plot_spikes_and_stims):
            plot()
    pyplot.close("all")
    assert [block for _, block in shown] == [True] * 3


def test_given_axes_are_saved_with_their_figure(results: dict[str, Any], tmp_path: Path) -> None:
    other = pyplot.figure()
    axes = Figure().subfigures(1, 2)[0].subplots()
    drawn = results["criticality"].plot_branching_ratio(save_path=str(tmp_path / "mine.pdf"), ax=axes)
    assert drawn is axes and not other.axes
    assert (tmp_path / "mine.pdf").read_bytes().startswith(b"%PDF")
    axes.figure.figure.savefig(tmp_path / "again.png")
    assert is_drawn(tmp_path / "again.png")
    pyplot.close(other)


def test_what_the_plots_say(results: dict[str, Any]) -> None:
    found = results["criticality"]
    sizes = found.plot_avalanche_sizes()
    assert sizes.get_title() == f"Size Exponent: {found.tau_exponent_spike_counts:.2f}"
    data, curve = sizes.lines
    _, counts = np.unique(found.avalanche_sizes, return_counts=True)
    np.testing.assert_allclose(data.get_ydata(), counts / counts.sum())
    low, high = found.exclusion_bounds_spike_counts
    within = ((found.avalanche_sizes >= low) & (found.avalanche_sizes <= high)).mean()
    np.testing.assert_allclose(np.sum(curve.get_ydata()), within)
    assert curve.get_xdata()[[0, -1]].tolist() == [low, high]
    branching = found.plot_branching_ratio()
    assert f"MR Estimation (BR = {found.branching_ratio:.4f})" in text_of(branching.figure)
    scaling = found.plot_deviation_from_criticality_coefficient()
    assert scaling.get_title().startswith("DCC: ")
    durations = found.plot_avalanche_durations()
    assert durations.get_title() == f"Duration Exponent: {found.alpha_exponent_durations:.2f}"
    collapse = found.plot_avalanche_shape_collapse_analysis()
    mean = collapse[2].lines[-1]
    assert len(mean.get_xdata()) == 100 and mean.get_ydata()[0] == 0
    assert collapse[1].lines[1].get_xdata()[0] == found.beta_exponent
    graph = results["functional_connectivity"].plot()
    assert graph.get_title() == "Functional Connectivity Graph (thr = 0.35)"
    widths = graph.collections[0].get_linewidths()
    assert max(widths) == 5 and min(widths) >= 1
    places = graph.collections[1].get_offsets()
    assert places[9].tolist() == [1, 1] and places[63].tolist() == [7, 7] and places[8].tolist() == [1, 0]
    bars = results["spike_triggered_histogram"].plot()
    assert len(bars) == 6
    x, y = next(iter(results["spike_triggered_histogram"].histograms))
    assert bars[0].get_title() == f"Base: Channel {x}, Target: Channel {y}"
    heights = [patch.get_height() for patch in bars[0].patches]
    assert heights == results["spike_triggered_histogram"].histograms[x, y].tolist()
    panels = results["dct_features"].plot().axes
    assert [ax.get_title() for ax in panels[:9]][4] == "DCT basis (1,1)" and len(panels) == 10


def test_the_plot_of_bursts(results: dict[str, Any], shown: Any) -> None:
    found = results["network_bursts"]
    found.plot(limit_to_time_range_secs=(0.5, 2))
    figure, _ = shown[0]
    above, below = figure.axes
    assert below.get_xlim() == above.get_xlim() == (0.5, 2)
    assert figure.get_suptitle() == f"Network Firing Rate and Detected Bursts\n{found.metadata.file_path}"
    (spans,) = below.collections
    assert len(spans.get_paths()) == found.network_burst_count > 0
    assert spans.get_facecolor()[0].tolist() == list(to_rgba("red", 0.3))
    assert sum(len(line.get_xdata()) for line in below.lines) == sum(
        map(len, found.spike_frames_by_channel.values())
    )


def test_what_cannot_be_drawn_is_said(results: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    nothing = results["criticality"].model_copy(
        update={"tau_exponent_spike_counts": math.nan, "deviation_from_criticality_coefficient": math.nan}
    )
    with pytest.raises(ValueError, match="no exponent"):
        nothing.plot_avalanche_sizes(save_path=path)
    assert nothing.plot_deviation_from_criticality_coefficient(save_path=path) is None
    empty = np.empty(0)
    nothing = nothing.model_copy(
        update={
            "avalanche_durations": empty,
            "time_lags_fit_parameters": empty,
            "beta_exponent": math.nan,
        }
    )
    for plot, missing in (
        ("plot_avalanche_durations", "no avalanches"),
        ("plot_branching_ratio", "nothing could be fitted"),
        ("plot_avalanche_shape_collapse_analysis", "no collapse"),
    ):
        with pytest.raises(ValueError, match=missing):
            getattr(nothing, plot)(save_path=path)
    without_edges = results["functional_connectivity"].model_copy(
        update={"adjacency_matrix": np.zeros((64, 64))}
    )
    with pytest.raises(ValueError, match="no edges"):
        without_edges.plot(save_path=path)
    without_pairs = results["spike_triggered_histogram"].model_copy(update={"histograms": {}})
    with pytest.raises(ValueError, match="no histograms"):
        without_pairs.plot(save_path=path)
    with pytest.raises(ValueError, match="axes must be 6"):
        results["spike_triggered_histogram"].plot(axes=[1, 2])
    assert not path.exists()


def test_the_raster_keeps_to_the_analysis_limit(tmp_path: Path) -> None:
    from cl import RecordingView

    path = write_recording(tmp_path / "a.h5", 1000, [(100, 9), (500, 9), (900, 9)], [(510, 9), (20, 9)])
    with RecordingView(path) as view:
        for limit, seconds, spikes in (
            ((None, None), None, [100, 500, 900]),
            ((500, 900), None, [500]),
            ((100, None), (0.002, 0.03), [100, 500]),
        ):
            view.analysis_timestamp_limit(*limit)
            axes = Figure().subplots()
            view.plot_spikes_and_stims(limit_to_time_range_secs=seconds, ax=axes)
            assert (axes.lines[0].get_xdata() * 25_000).round().tolist() == spikes
            assert axes.get_xlim() == (seconds or (0, 0.04))

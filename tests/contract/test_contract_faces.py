"""What values show in a notebook: small, theirs alone, in the page's own colours, and texts stay texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import cl
from cl._core.lateness import Lateness

HOSTILE = "<script>alert('x')</script>&\u202e\""
SVG = "{http://www.w3.org/2000/svg}"


def face(value: Any) -> ElementTree.Element:
    """Return what a value shows, checked for what is true of every face."""
    shown = value._repr_html_()
    assert len(shown) < 8_000
    found = ElementTree.fromstring(shown)  # whole: nothing in it has broken out of its place
    tags = {element.tag.removeprefix(SVG) for element in found.iter()}
    assert tags <= {
        "div", "strong", "table", "thead", "tbody", "tr", "th", "td",
        "svg", "title", "path", "polyline", "line", "text",
    }  # fmt: skip
    loading = {"src", "href", "srcset", "xlink:href"}
    assert not any(loading & {*element.keys()} or "url(" in str(element.attrib) for element in found.iter())
    colours = {element.get(name) for element in found.iter() for name in ("fill", "stroke")}
    assert colours <= {None, "none", "currentColor", "#d9622b"}
    assert "color:" not in shown.replace("currentColor", "")
    return found


def words(value: Any) -> str:
    """Return the texts of a face."""
    return " ".join(" ".join(face(value).itertext()).split())


@pytest.fixture
def neurons(accelerated: None) -> Iterator[cl.Neurons]:
    with cl.open() as neurons:
        yield neurons


@pytest.fixture
def view(neurons: cl.Neurons, tmp_path: Path) -> Iterator[cl.RecordingView]:
    stream = neurons.create_data_stream("<b>game", {HOSTILE: HOSTILE})
    recording = neurons.record(
        file_suffix="faces", file_location=str(tmp_path), stop_after_seconds=1, attributes={"who": HOSTILE}
    )
    for tick in neurons.loop(100, stop_after_seconds=1):
        if tick.iteration % 10 == 0:
            stream.append(neurons.timestamp(), {"ball": [1, 2.5]} if tick.iteration else HOSTILE)
            neurons.stim(20, 1.0)
    recording.wait_until_stopped()
    assert "stopped" in words(recording)
    with recording.open() as view:
        yield view


def test_a_design_shows_its_waveform() -> None:
    design = cl.StimDesign(160, -1.0, 80, 2.0)
    assert words(design).startswith("StimDesign 240 µs, balanced")
    assert {"-1 µA", "160 µs", "+2 µA", "80 µs"} <= {e.text for e in face(design).iter(f"{SVG}text")}
    (line,) = face(design).iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    assert xs == sorted(xs)
    # Down by one, up by two from the line in the middle, and twice as long below as above.
    zero, low, high = ys[0], max(ys), min(ys)
    assert zero - high == 2 * (low - zero) > 0
    assert xs[3] - xs[2] == pytest.approx(2 * (xs[5] - xs[4]), rel=0.01)
    assert "-0.16 nC left" in words(cl.StimDesign(160, -1.0))


def test_a_preview_shows_a_timeline(neurons: cl.Neurons) -> None:
    plan = neurons.create_stim_plan()
    assert words(plan.preview()).startswith("PlanPreview 0 pulses on 0 channels")
    plan.stim(cl.ChannelSet(8, 9), 1.0, cl.BurstDesign(3, 10))
    preview = plan.preview()
    assert words(preview).startswith("PlanPreview 6 pulses on 2 channels")
    (path,) = face(preview).iter(f"{SVG}path")
    boxes = re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", path.attrib["d"])
    assert len(boxes) == 6
    first, second, third = (float(x) for x, y, _ in boxes if y == boxes[0][1])
    assert second - first == pytest.approx(third - second, abs=2)


def test_a_preview_of_very_many_pulses_is_small(neurons: cl.Neurons) -> None:
    plan = neurons.create_stim_plan()
    plan.stim(cl.ChannelSet(*range(64)), 1.0, cl.BurstDesign(10**12, 150))
    plan.stim(8, 1.0)
    assert "60" in words(plan.preview())


def test_statistics_show_a_histogram() -> None:
    lateness = Lateness()
    for ns in (0, 0, 30_000, 30_100, 250_000):
        lateness.add(ns)
    found = lateness.statistics()
    assert found.buckets[0] == (0.0, 2)
    assert sum(count for _, count in found.buckets) == found.count == 5
    assert max(edge for edge, _ in found.buckets) == found.max_us
    (path,) = face(found).iter(f"{SVG}path")
    heights = [float(height) for height in re.findall(r"v([\d.]+)", path.attrib["d"])]
    assert len(heights) == 3
    assert heights[0] == heights[1] > heights[2]  # punctual, 30 µs, 250 µs
    assert {"0", "100 µs", "p99"} <= {e.text for e in face(found).iter(f"{SVG}text")}
    assert words(Lateness().statistics()).startswith("LoopStatistics 0 ticks")


def test_a_device_shows_what_runs_on_it(neurons: cl.Neurons, tmp_path: Path) -> None:
    stream = neurons.create_data_stream("game", {"score": 3})
    assert "none yet score 3" in words(stream)
    recording = neurons.record(file_location=str(tmp_path))
    for _ in neurons.loop(100, stop_after_ticks=3):
        shown = words(neurons)
    assert "simulator (random, seed 7)" in shown
    assert "0.03 s since it was opened (timestamp 750), in accelerated time" in shown
    assert "100/s (3 ticks, p99 0 µs late)" in shown
    assert recording.file["name"] in shown
    assert "game" in shown
    assert "started" in words(recording)
    assert "stream of spikes, not entered yet" in words(neurons.spikes())
    stream.close()
    assert "closed" in words(stream)


def test_a_closed_device_shows_that_it_is(accelerated: None) -> None:
    with cl.open() as neurons:
        assert "open" in words(neurons)
    assert words(neurons).endswith("closed")


@pytest.mark.anyio
async def test_a_stream_shows_how_it_is_doing(accelerated: None) -> None:
    async with cl.aopen() as neurons, neurons.spikes() as stream:
        await anext(stream)
        assert "delivered 1 missed 0" in words(stream)
        async with neurons.frames(100) as frames:
            await anext(frames)
            assert "delivered 100" in words(frames)


def test_a_recording_shows_its_parts(view: cl.RecordingView) -> None:
    shown = words(view)
    assert "duration 1 s (25 000 frames)" in shown
    assert "samples 25 000 × 64" in shown
    assert f"{len(view.spikes)}, {len(view.spikes)} a second" in shown
    assert "<b>game" in shown
    assert words(view.spikes).startswith(f"Table {len(view.spikes)} rows timestamp channel samples")
    assert f"and {len(view.spikes) - 5} more rows" in words(view.spikes)
    assert "[160 160 0]" in words(view.stim_designs)
    assert words(view.samples) == "Array 25 000 × 64 of int16"
    assert "'ball': [1, 2.5]" in words(view.data_streams["<b>game"])
    assert words(view.data_streams) == "DataStreamsView 1 streams name entries <b>game 10"
    assert "frames_per_second 25000" in words(view.attributes)


def test_texts_of_others_stay_texts(view: cl.RecordingView) -> None:
    for value in (view, view.attributes, view.data_streams, view.data_streams["<b>game"]):
        face(value)
    assert "<script>alert" in words(view.data_streams["<b>game"])
    assert "\u202e" not in words(view.data_streams["<b>game"])


def test_a_closed_recording_shows_that_it_is(view: cl.RecordingView) -> None:
    spikes, samples, streams = view.spikes, view.samples, view.data_streams
    view.close()
    assert words(view).endswith("(closed)")
    assert words(spikes) == "Table the recording is closed"
    assert words(samples) == "Array the recording is closed"
    face(streams)

"""Pages of an open device: what they are told is what the program sees."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from visualisation_tools import device, page

import cl
import cl._current
from cl.visualisation import start_server
from cl.visualisation.server.player import Player, Recorded


@pytest.fixture(autouse=True)
def _busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SPIKE_PERCENTILE", "99.95")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "7")


def test_a_page_is_told_the_spikes_and_stims_that_the_program_sees() -> None:
    with device() as (neurons, server), page(server) as one:
        one.subscribe("spikes", since=0)
        one.subscribe("stims", since=0)
        seen: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
        spikes, stims = one.sections(1), one.sections(2)
        first = next(spikes)
        assert first.start == 0
        seen[1] += first.events()
        loop = neurons.loop(100, stop_after_ticks=400)
        program: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
        for tick in loop:
            if tick.iteration in (0, 20, 40):
                neurons.stim(cl.ChannelSet(8, 20), 1.0)
            program[1] += [(spike.timestamp, spike.channel) for spike in tick.analysis.spikes]
            program[2] += [(stim.timestamp, stim.channel) for stim in tick.analysis.stims]
            if len(program[2]) == 6 and tick.iteration >= 60:
                break
        end = tick.analysis.stop_timestamp
        until = first.stop
        while until < end:
            section = next(spikes)
            assert section.start == until
            until = section.stop
            seen[1] += section.events()
        start = loop.start_timestamp
        assert [event for event in seen[1] if start <= event[0] < end] == program[1]
        assert len(program[2]) == 6
        # The stims of the same messages were passed over above: they are asked for again.
        one.subscribe("stims", since=start)
        # Some that were sent before the server knew may come first.
        section = next(section for section in stims if section.start == start)
        assert [event for event in section.events() if event[0] < end] == program[2]


def test_a_page_is_told_the_samples_that_the_program_reads() -> None:
    with device() as (neurons, server), page(server) as one:
        one.subscribe("traces", channels=[9, 30], bin=1, since=0)
        one.subscribe("overview", since=0)
        traces = next(one.sections(4))
        frames = neurons.read(traces.stop - traces.start, traces.start)
        raw = np.frombuffer(traces.body, "<i2", traces.count * 2, 8).reshape(traces.count, 2)
        assert np.array_equal(raw, frames[:, [9, 30]])
        one.subscribe("overview", since=0)
        overview = next(one.sections(3))
        low, high = overview.extremes(0, 64)
        frames = neurons.read(overview.stop - overview.start, overview.start).reshape(-1, 125, 64)
        assert np.array_equal(low, frames.min(axis=1))
        assert np.array_equal(high, frames.max(axis=1))


def test_a_page_is_told_the_waveforms_that_the_program_loads() -> None:
    with device() as (neurons, server), page(server) as one:
        one.subscribe("waveforms", channel=9, since=0)
        section = next(one.sections(5))
        times = (section.start + np.frombuffer(section.body, "<u4", section.count)).tolist()
        spikes = neurons.read(section.stop - section.start, section.start, analysis=True).spikes
        own = [spike for spike in spikes if spike.channel == 9 and spike.timestamp in times]
        assert [spike.timestamp for spike in own] == times
        for spike, samples in zip(own, section.waveforms(), strict=True):
            assert np.array_equal(spike.samples, samples)


def test_status_tells_of_recordings_and_loops() -> None:
    loops: list[cl.Loop] = []
    with (
        device(
            recordings=lambda: [SimpleNamespace(file={"name": "a.h5"}, start_timestamp=0)],
            loops=lambda: loops,
        ) as (neurons, server),
        page(server) as one,
    ):
        loops.append(neurons.loop(200, stop_after_ticks=10))
        for _ in loops[0]:
            pass
        one.subscribe("status")
        status = one.message("status")
    assert status["state"] == "running"
    assert status["recordings"][0]["name"] == "a.h5"
    assert status["recordings"][0]["seconds"] >= 0
    (told,) = status["loops"]
    assert (told["ticks_per_second"], told["count"]) == (200, 10)
    assert 0 <= told["p50_us"] <= told["p99_us"] <= told["p999_us"] <= told["max_us"]
    assert status["oldest"] == 0 <= status["position"]


def test_data_streams_are_told() -> None:
    with cl.open() as neurons:
        session = cl._current.devices.environments()
        assert session is not None
        stream = neurons.create_data_stream("score", {"level": 1})
        server = start_server(session.engine, port_from=0, streams=lambda: [stream])
        assert server is not None
        try:
            with page(server) as one:
                one.subscribe("streams", since=0)
                one.subscribe("entries", since=0, names=["score"])
                assert one.message("attributes") == {
                    "type": "attributes",
                    "name": "score",
                    "reset": {"level": 1},
                }
                stream.append(neurons.timestamp(), {"points": 3, "who": "<i>x</i>"})
                stream.set_attribute("level", 2)
                changed, entries, summary = None, None, None
                while changed is None or entries is None or summary is None:
                    message = one.connection.recv(30)
                    assert isinstance(message, str)
                    found = json.loads(message)
                    if found["type"] == "attributes":
                        changed = found["updated"]
                    if found["type"] == "entries":
                        entries = found["entries"]
                    if found["type"] == "streams" and "text" in found["streams"][0]:
                        summary = found["streams"][0]
        finally:
            server.stop()
    assert changed == {"level": 2}
    assert [entry[2] for entry in entries] == [{"points": 3, "who": "<i>x</i>"}]
    assert summary["text"] == "points: 3, who: <i>x</i>"
    assert [value for _, value in summary["points"]["points"]] == [3.0]


def test_pages_do_not_move_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with device() as (_, server), page(server) as one:
        session = cl._current.devices.environments()
        assert session is not None
        engine = session.engine
        session._wired.housekeeper.stop()
        before = engine.position
        advanced = []
        monkeypatch.setattr(engine, "advance", lambda to: advanced.append(to))
        one.subscribe("status")
        positions = {one.message("status")["position"] for _ in range(3)}
        monkeypatch.undo()
        assert not advanced
        assert positions == {before}


def test_the_failure_of_the_device_is_told() -> None:
    with device() as (_, server), page(server) as one:
        session = cl._current.devices.environments()
        assert session is not None
        with session.engine.lock:
            session.engine.fail(RuntimeError("the cable is out"))
        one.subscribe("status")
        status = one.message("status")
    assert (status["state"], status["error"]) == ("failed", "the cable is out")


@pytest.mark.usefixtures("accelerated")
def test_accelerated_time_has_no_visualiser(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "cl"), cl.open():
        session = cl._current.devices.environments()
        assert session is not None
        assert start_server(session.engine) is None
    assert [r.message for r in caplog.records if "visualiser" in r.message] == [
        "the data visualiser is not started: time is accelerated"
    ]


def test_where_it_is_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with device() as (_, server):
        pass
    assert capsys.readouterr().err.splitlines()[0] == f"Data visualiser: {server.url}"


def test_stims_are_told_with_their_currents_also_from_recordings(tmp_path: Path) -> None:
    with device() as (neurons, server), page(server) as one:
        recording = neurons.record(file_location=str(tmp_path))
        one.subscribe("stims", since=neurons.timestamp())
        neurons.stim(8, cl.StimDesign(160, -0.5, 160, 1.5, 160, -0.5))
        section = next(section for section in one.sections(2) if section.count)
        recording.stop()
        assert np.frombuffer(section.body, "<f4", 1, 16).tolist() == [1.5]
    recorded = Recorded(recording.file["path"])
    try:
        start, stop = recorded.start, recorded.stop
        assert Player(recorded).currents(start, stop) == [1.5]
        recorded.view.stim_designs = None
        assert np.isnan(recorded.currents(start, stop)).tolist() == [True]
    finally:
        recorded.close()

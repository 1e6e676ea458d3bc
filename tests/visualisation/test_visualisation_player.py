"""Recordings as sources: what is in the file is what pages are told."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import h5py
import msgpack
import numpy as np
import pytest
from visualisation_tools import decode, page

from cl._store.packing import unpack
from cl._store.write.writer import RecordingWriter
from cl.visualisation.server import player as player_module
from cl.visualisation.server.commands import Play, Seek, Speed, Subscribe
from cl.visualisation.server.entries import SPIKE_STREAM, STIM_STREAM, PackedEntries
from cl.visualisation.server.messages import SPIKES, STIMS, message
from cl.visualisation.server.player import Player, Recorded
from cl.visualisation.server.server import VisualiserServer


@pytest.fixture
def path(shared_data: Path) -> Path:
    return shared_data / "reference_recording.h5"


@pytest.fixture
def recorded(path: Path) -> Iterator[Recorded]:
    found = Recorded(path)
    yield found
    found.close()


class Clock:
    """A clock of the test's own, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(player_module, "host_seconds", lambda: self.now)


def test_the_recording_is_all_there(recorded: Recorded, path: Path) -> None:
    with h5py.File(path) as file:
        spikes, stims, samples = file["spikes"][:], file["stims"][:], file["samples"][:]
    player = Player(recorded)
    start, stop = recorded.start, recorded.stop
    assert stop - start == len(samples) == 25_000
    for kind, rows in ((1, spikes), (2, stims)):
        times, channels, until = player.events(kind, start, stop)
        wanted = sorted(zip((rows["timestamp"] + start).tolist(), rows["channel"].tolist(), strict=True))
        assert list(zip(times, channels, strict=True)) == wanted
        assert until == stop
    assert np.array_equal(player.frames(start + 100, start + 2600), samples[100:2600])
    beyond = player.frames(stop - 10, stop + 10)
    assert np.array_equal(beyond[:10], samples[-10:]) and not beyond[10:].any()
    before = player.frames(start - 5, start + 5)
    assert np.array_equal(before[5:], samples[:5]) and not before[:5].any()
    row = spikes[100]
    time, channel = int(row["timestamp"]) + start, int(row["channel"])
    (spike,) = player.spikes_on(channel, time, time + 1)
    assert np.array_equal(spike.samples, row["samples"])
    between = player.spikes_between(start, stop)
    assert len(between) == len(spikes)
    (same,) = (each for each in between if each == spike)
    assert np.array_equal(same.samples, row["samples"])


def test_time_goes_as_it_is_told(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    player = Player(recorded)
    start, stop = recorded.start, recorded.stop
    assert player.position() == start
    clock.now += 0.25
    assert player.position() == start + 6250
    assert player.control(Speed(0.5)) is False
    clock.now += 0.25
    assert player.position() == start + 9375
    player.control(Play(False))
    clock.now += 60
    assert player.position() == start + 9375
    assert player.status()["state"] == "paused"
    player.control(Play(True))
    clock.now += 0.125
    assert player.position() == start + 10_937
    assert player.control(Seek(start + 20_000)) is True
    assert player.position() == start + 20_000
    clock.now += 60
    assert player.position() == stop
    assert player.status() == {"state": "ended", "error": None, "speed": 0.5, "loops": [], "recordings": []}
    assert player.control(Play(True)) is True
    assert (player.position(), player.status()["state"]) == (start, "playing")
    player.control(Seek(stop + 10**9))
    assert player.position() == stop
    player.control(Seek(0))
    assert player.position() == start


def test_data_streams_come_when_their_time_has_come(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    player = Player(recorded)
    cursor = player.entry_cursor(recorded.start)
    found = []
    for _ in range(12):
        entries, cursor = player.entries(cursor)
        assert all(entry.timestamp < player.position() for entry in entries)
        found += entries
        clock.now += 0.125
    assert [entry.stream_name for entry in found] == ["game"] * 20
    assert found[1].data["x"] == 5
    assert "game" in player.attributes()


def test_the_summary_counts_everything_once(recorded: Recorded) -> None:
    summary = recorded.summary()
    assert (sum(summary["spikes"]), sum(summary["stims"])) == (240, 45)
    assert len(summary["spikes"]) == len(summary["stims"]) <= 600


def test_a_page_plays_pauses_and_seeks(recorded: Recorded) -> None:
    server = VisualiserServer(lambda: Player(recorded), port_from=0)
    try:
        with page(server) as one, page(server) as other:
            assert (one.hello["mode"], one.hello["stop"]) == ("recording", recorded.stop)
            assert one.hello["device"] == "reference_recording.h5"
            one.command(type="pause")
            one.command(type="seek", position=recorded.start + 10_000)
            assert one.message("reset")["position"] == recorded.start + 10_000
            one.subscribe("spikes", since=recorded.start)
            one.subscribe("status")
            section = next(one.sections(1))
            assert (section.start, section.stop) == (recorded.start, recorded.start + 10_000)
            assert one.message("status")["state"] == "paused"
            # The other page plays by itself, to the end.
            other.subscribe("status")
            while other.message("status")["state"] != "ended":
                pass
            assert one.message("status")["position"] == recorded.start + 10_000
    finally:
        server.stop()


def test_a_recording_without_samples_shows_its_spikes(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bare.h5"
    with h5py.File(path) as source, h5py.File(copy, "w") as target:
        for name in ("spikes",):
            source.copy(name, target)
        for name, value in source.attrs.items():
            target.attrs[name] = value
    recorded = Recorded(copy)
    try:
        player = Player(recorded)
        assert player.describe()["samples"] is False
        assert not player.frames(recorded.start, recorded.start + 500).any()
        assert len(player.events(1, recorded.start, recorded.stop)[0]) == 240
        assert player.events(2, recorded.start, recorded.stop) == ([], [], recorded.stop)
    finally:
        recorded.close()


def test_other_rates_are_refused(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other.h5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        file.attrs["frames_per_second"] = 10_000
    with pytest.raises(ValueError, match="frames_per_second 10000"):
        Recorded(copy)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Recorded(tmp_path / "none.h5")
    other = tmp_path / "other.h5"
    other.write_bytes(b"hello")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        Recorded(other)


def test_a_recording_that_still_runs_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    path = tmp_path / "r.h5"
    writer = RecordingWriter(path)

    def go_on(frames: int) -> None:
        first = writer.frames
        writer.append_samples(np.full((frames, 64), first // 1_000, np.int16))
        writer.append_spikes([first], [8], np.zeros((1, 75)))
        writer.flush()

    go_on(25_000)
    recorded = Recorded(path)
    try:
        player = Player(recorded)
        clock.now += 0.5
        assert player.position() == 12_500
        go_on(50_000)
        assert player.status()["stop"] == 25_000, "it is looked once a second"
        clock.now += 1.5
        assert player.position() == 25_000
        status = player.status()
        assert (status["stop"], status["state"], player.position()) == (75_000, "playing", 50_000)
        assert player.describe()["stop"] == 75_000
        assert player.events(1, 0, 75_000)[0] == [0, 25_000]
        assert (player.frames(40_000, 40_010) == 25).all()
        clock.now += 3
        assert (player.position(), player.status()["state"]) == (75_000, "playing")
        writer.finish()
        clock.now += 2
        assert player.status()["state"] == "ended"
    finally:
        recorded.close()


def test_one_that_is_shared_is_steered_by_all(recorded: Recorded) -> None:
    player = Player(recorded, playing=False)
    server = VisualiserServer(lambda: player, port_from=0)
    try:
        with page(server) as one, page(server) as other:
            other.subscribe("status")
            assert other.message("status")["state"] == "paused"
            one.command(type="seek", position=recorded.start + 10_000)
            assert other.message("reset")["position"] == recorded.start + 10_000
            player.control(Seek(recorded.start + 5_000))  # from elsewhere: a key, another thread
            for each in (one, other):
                while each.message("reset")["position"] != recorded.start + 5_000:
                    pass
            assert player.position() == recorded.start + 5_000
    finally:
        server.stop()


def test_it_pauses_at_the_end_and_stays_paused(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    player = Player(recorded, playing=False)
    clock.now += 5
    assert (player.position(), player.playing, player.at_end) == (recorded.start, False, False)
    player.control(Play(True))
    clock.now += 5
    assert (player.position(), player.playing, player.at_end) == (recorded.stop, False, True)
    player.control(Seek(recorded.start + 7))
    clock.now += 5
    assert (player.position(), player.playing) == (recorded.start + 7, False)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.75, 1.25, 3.75])
def test_speeds_are_exact_however_often_they_are_set(
    speed: float, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    player = Player(recorded)
    for _ in range(50):
        clock.now += 1 / 250 + 1e-5  # no whole number of frames
        player.control(Speed(speed))
    passed = (1 / 250 + 1e-5) * 25_000 * (1 + 49 * speed)
    assert player.position() - recorded.start == pytest.approx(min(passed, 25_000), abs=1.0)


def test_custom_visualisers_are_fed_from_recordings(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    player = Player(recorded)
    one = PackedEntries(player, Subscribe("entries", names=(SPIKE_STREAM, STIM_STREAM), packed=True))
    clock.now += 100.0
    rows = []
    while not rows or one.behind:
        _, _, sections = decode(message(one.take(recorded.stop + 50, 0.0), 0, 0))
        for section in sections:
            unpacker = msgpack.Unpacker(BytesIO(section.body), strict_map_key=False)
            rows += [unpack(msgpack.packb(unpacker.unpack())) for _ in range(section.count + 1)][1:]
    for name, kind in ((SPIKE_STREAM, SPIKES), (STIM_STREAM, STIMS)):
        times, channels, _ = player.events(kind, recorded.start, recorded.stop)
        found = [(time, data["channel"]) for each, time, data in rows if each == name]
        assert found == list(zip(times, channels, strict=True)) and found
    first = next(data["samples"] for each, _, data in rows if each == SPIKE_STREAM)
    assert np.array_equal(first, player.spikes_between(recorded.start, recorded.stop)[0].samples)

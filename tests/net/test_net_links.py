"""Devices across bad links: what is recorded is right, what is missing is named, control stays."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from bad_link import BadLink
from patience import run_ahead
from serving import ServeProcess
from steady import steady

import cl
from cl import BurstDesign, ChannelSet, DeviceDisconnectedError, StimDesign
from cl.net.link import ANSWER_S as PROMISED_S

PULSE = StimDesign(160, -1.0, 160, 1.0)
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    with ServeProcess(env={"CL_SDK_RANDOM_SEED": "7", "CL_SDK_SPIKE_PERCENTILE": "99.9"}) as server:
        yield server


@steady(
    0.7
)  # Two devices of 3 MB/s, which wait for 5 s: a host that stands still loses what it says it loses.
def test_a_recording_over_a_link_that_is_cut_is_as_one_without(server: ServeProcess, tmp_path: Path) -> None:
    with (
        BadLink(server.address, delay_s=0.02, jitter_s=0.03) as link,
        cl.open(device=server.address, take_control=False) as near,
        cl.open(device=link.address) as far,
    ):
        start = max(near.timestamp(), far.timestamp())
        far.read(1, start)
        near.read(1, start)
        recordings = [
            each.record(file_location=tmp_path / name, from_timestamp=start)
            for name, each in (("near", near), ("far", far))
        ]
        for cut_s in (0.1, 0.5):
            far.stim(8, PULSE, BurstDesign(5, 100))
            link.cut(cut_s)
            far.read(10_000)
            assert far.has_control()
        while far.timestamp() < near.timestamp() - 5_000:
            far.read(2_500)
        far.read(5_000)
        for recording in reversed(recordings):
            recording.stop()
        assert link.connections >= 3 and not far._engine.losses.total
        with recordings[0].open() as at_hand, recordings[1].open() as across:
            assert at_hand.complete and across.complete
            count = min(len(at_hand.samples), len(across.samples))
            np.testing.assert_array_equal(at_hand.samples[:count], across.samples[:count])
            for name in ("spikes", "stims"):
                found, wanted = (
                    [each for each in getattr(view, name).col("timestamp").tolist() if each < count - 75]
                    for view in (across, at_hand)
                )
                assert found == wanted and len(found) >= 10


def until_stimulated(neurons: cl.Neurons, at: int, channel: int) -> tuple[list[int], int]:
    """Read from a frame on until a channel is stimulated; return the channels that were, and where it ends.

    A command has been taken by a server whose frames may be here a while later only.
    """
    channels: list[int] = []
    while channel not in channels:
        channels += [stim.channel for stim in neurons.read(1_000, at, analysis=True).stims]
        at += 1_000
    return channels, at


def test_a_command_in_a_cut_is_done_once_when_the_link_is_back(server: ServeProcess) -> None:
    with BadLink(server.address) as link, cl.open(device=link.address) as neurons:
        for _ in range(3):
            at = neurons.timestamp()
            link.cut(0.2)
            neurons.stim(8, PULSE)
            channels, at = until_stimulated(neurons, at, 8)
            channels += [stim.channel for stim in neurons.read(2_500, at, analysis=True).stims]
            assert channels == [8]


def test_a_command_waits_for_a_second_at_most(server: ServeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    with BadLink(server.address) as link, cl.open(device=link.address) as neurons:
        link.cut()
        with monkeypatch.context() as patch:
            patch.setattr("cl.net.link.ANSWER_S", PROMISED_S)
            before = time.monotonic()
            with pytest.raises(DeviceDisconnectedError, match="whether the device has taken it is not known"):
                neurons.stim(8, PULSE)
            assert 0.9 <= time.monotonic() - before < PATIENCE_S
        start = neurons.timestamp()
        link.mend()
        neurons.stim(9, PULSE)
        # One that was given up is not sent again: it would be before what is given later.
        assert until_stimulated(neurons, start, 9)[0] == [9]


def test_frames_and_the_hosts_clock_go_together_whatever_the_delay(server: ServeProcess) -> None:
    with (
        BadLink(server.address, delay_s=0.03, jitter_s=0.02) as link,
        cl.open(device=server.address, take_control=False) as near,
        cl.open(device=link.address, take_control=False) as far,
    ):
        far.read(2_500)
        timestamp = near.timestamp()
        near_ns, far_ns = near.host_ns(timestamp), far.host_ns(timestamp)
        assert abs(near_ns - far_ns) <= near.clock_error_ns() + far.clock_error_ns()
        assert 25_000_000 < far.clock_error_ns() < 1_000_000_000
        # What is here is what has arrived.
        assert far.host_ns(far.timestamp()) <= time.monotonic_ns() + far.clock_error_ns()


def test_a_plan_for_a_time_is_exact_across_any_delay(server: ServeProcess) -> None:
    with (
        BadLink(server.address, delay_s=0.03, jitter_s=0.03) as link,
        cl.open(device=link.address) as neurons,
    ):
        plan = neurons.create_stim_plan()
        plan.stim(ChannelSet(8, 9), PULSE)
        at = run_ahead(neurons, plan, 12_500) + 12_500
        stims = neurons.read(13_000, at - 12_500, analysis=True).stims
        assert [(stim.timestamp, stim.channel) for stim in stims] == [(at + 2, 8), (at + 2, 9)]


@pytest.mark.anyio
async def test_tasks_do_not_block_their_event_loop_across_a_link(
    server: ServeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cl.aopen(device=server.address) as neurons:
        waiting: list[int] = []
        requests = neurons._engine.device._link._requests  # type: ignore[attr-defined]
        ask = requests.ask

        def noting(*arguments: Any) -> Any:
            waiting.append(threading.get_ident())
            return ask(*arguments)

        monkeypatch.setattr(requests, "ask", noting)
        plan = neurons.create_stim_plan()
        plan.stim(9, PULSE)
        whole = await neurons.arecord(file_location=tmp_path / "whole")
        await neurons.astim(8, PULSE)
        await neurons.ainterrupt(11)  # one of 8 could come as early as its stim
        await neurons.ainterrupt_then_stim(10, PULSE)
        await neurons.async_(ChannelSet(8, 9))
        at = neurons.timestamp()
        await plan.arun()
        while 9 not in {stim.channel for stim in (await neurons.aread(1_000, at, analysis=True)).stims}:
            at += 1_000
        whole.stop()
        with whole.open() as view:
            assert set(view.stims.col("channel")) == {8, 9, 10}
        recording = await neurons.arecord(file_location=tmp_path, stop_after_frames=500)
        await neurons.arelease_control()
        assert not neurons.has_control()
        with pytest.raises(cl.ControlRequiredError):
            await neurons.astim(8, PULSE)
        await neurons.atake_control()
        await neurons.arestart()
        assert recording.has_stopped()
        assert len(waiting) >= 8 and threading.get_ident() not in waiting


@pytest.mark.anyio
async def test_the_same_calls_work_on_a_simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    async with cl.aopen() as neurons:
        plan = neurons.create_stim_plan()
        plan.stim(9, PULSE)
        start = neurons.timestamp()
        await neurons.astim(8, PULSE)
        await neurons.ainterrupt_then_stim(10, PULSE)
        await plan.arun()
        await plan.arun(at_timestamp=start + 1_000)
        await neurons.async_(ChannelSet(8, 9))
        await neurons.ainterrupt(11)
        recording = await neurons.arecord(file_location=tmp_path, stop_after_frames=500)
        stims = (await neurons.aread(2_000, start, analysis=True)).stims
        assert [(stim.timestamp - start, stim.channel) for stim in stims] == [
            *((2, 8), (2, 9), (2, 10)),
            (1_002, 9),
        ]
        await neurons.arelease_control()
        with pytest.raises(cl.ControlRequiredError):
            await neurons.astim(8, PULSE)
        await neurons.atake_control()
        await neurons.arestart()
        assert recording.has_stopped()
        with pytest.raises(ValueError, match="64"):
            await neurons.astim(64, PULSE)
        with pytest.raises(RuntimeError, match="cannot be changed"):
            plan.stim(9, PULSE)


def test_a_command_in_an_event_loop_is_said_once(
    server: ServeProcess, caplog: pytest.LogCaptureFixture
) -> None:
    async def command() -> None:
        for _ in range(3):
            neurons.stim(8, PULSE)

    with cl.open(device=server.address) as neurons:
        neurons.stim(8, PULSE)
        assert "astim" not in caplog.text
        anyio.run(command)
    assert len([record for record in caplog.records if "astim" in record.getMessage()]) == 1


@pytest.mark.skipif(
    "CL_NARROW_LINK_SECONDS" not in os.environ, reason="CL_NARROW_LINK_SECONDS gives the time"
)
@pytest.mark.timeout(600)
def test_what_a_narrow_link_loses_is_named_exactly(server: ServeProcess, tmp_path: Path) -> None:
    frames = int(float(os.environ["CL_NARROW_LINK_SECONDS"]) * 25_000)
    with (
        BadLink(server.address, delay_s=0.05, jitter_s=0.02, bytes_per_s=1e6) as link,
        cl.open(device=server.address, take_control=False) as near,
        cl.open(device=link.address) as far,
    ):
        start = far.timestamp()
        near.read(1, start)
        recordings = [
            each.record(file_location=tmp_path / name, from_timestamp=start, stop_after_frames=frames)
            for name, each in (("near", near), ("far", far))
        ]
        for recording in recordings:
            recording.wait_until_stopped()
        far.stim(8, PULSE)
        with recordings[0].open() as at_hand, recordings[1].open() as across:
            wanted, found = at_hand.samples[:], across.samples[:]
            wrong = (wanted != found).any(axis=1)
            assert not found[wrong].any(), "zeros, and nothing that did not happen"
            assert int(wrong.sum()) == across.attributes["frames_lost"] > 0
            missing = len(at_hand.spikes) - len(across.spikes)
            # Of a gap that goes beyond the recording's end all spikes count: they may have been in it.
            assert 0 < missing <= across.attributes["spikes_lost"]


def test_a_program_that_closes_in_a_cut_gives_control_back(server: ServeProcess) -> None:
    with BadLink(server.address) as link:
        with cl.open(device=link.address) as neurons:
            neurons.stim(8, PULSE)
            link.cut(0.1)
        # At once, and not by the lease of 5 s.
        with cl.open(device=server.address) as neurons:
            assert neurons.has_control()

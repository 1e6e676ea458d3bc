"""Forks of a program that drives a device: they neither join its connection nor keep it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from forking import Fork, in_fork
from hw_tools import PatientEmulator, stims_after, until_quiet

import cl
from cl.hw.driver.report import report
from cl.hw.emulator import EmulatorProcess


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorProcess]:
    with PatientEmulator("--source", "counter") as process:
        monkeypatch.setenv("CL_DEVICE", process.address)
        yield process


def test_a_fork_is_refused_by_name_and_its_parents_stims_are_delivered(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        start = neurons.timestamp()

        def child() -> tuple[str, str, int]:
            said = []
            for call in (lambda: neurons.stim(10, 1.0), lambda: cl.open().__enter__()):
                with pytest.raises((cl.DeviceDisconnectedError, cl.ControlRequestError)) as caught:
                    call()
                said.append(str(caught.value))
            with cl.open(take_control=False) as reader:
                return said[0], said[1], len(reader.read(100))

        for channel in (20, 21, 22, 23):
            neurons.stim(channel, 1.0)
            inherited, opened, read = in_fork(child)
            assert f"belongs to process {os.getpid()}" in inherited
            assert f"held by process {os.getpid()}" in opened
            assert read == 100
        neurons.read(1_000)
        channels = [
            stim.channel for stim in neurons.read(neurons.timestamp() - start, start, analysis=True).stims
        ]
        assert channels == [20, 21, 22, 23]
        recording.stop()
        with recording.open() as view:
            assert view.stims is not None and [int(row["channel"]) for row in view.stims] == channels


def test_a_fork_that_lives_on_keeps_no_control_and_no_stimulation(emulator: EmulatorProcess) -> None:
    with cl.open() as neurons:
        neurons.stim(9, 1.0, cl.BurstDesign(1_000_000, 200))
        assert stims_after(neurons, neurons.timestamp())
        fork = Fork(lambda: None, lives_on=True)
        fork.result()
    try:
        assert report(emulator.address).owner == 0
        with cl.open() as neurons:
            until_quiet(neurons)
            neurons.stim(9, 1.0)
    finally:
        fork.end()


def test_a_fork_in_the_midst_of_waits_and_loops_disturbs_nobody(emulator: EmulatorProcess) -> None:
    stopping, errors = threading.Event(), []

    def use(neurons: cl.Neurons, channel: int) -> None:
        try:
            while not stopping.is_set():
                for _ in neurons.loop(1_000, stop_after_ticks=20, ignore_jitter=True):
                    neurons.stim(channel, 0.5)
        except Exception as error:
            errors.append(error)

    with cl.open() as neurons:
        threads = [threading.Thread(target=use, args=(neurons, channel)) for channel in (8, 9)]
        for thread in threads:
            thread.start()

        def child() -> str:
            with pytest.raises(cl.DeviceDisconnectedError) as caught:
                neurons.stim(10, 1.0)
            with pytest.raises(cl.ControlRequestError), cl.open():
                pass
            return str(caught.value)

        try:
            for _ in range(10):
                assert "belongs to process" in in_fork(child)
                neurons.read(100)
        finally:
            stopping.set()
            for thread in threads:
                thread.join()
        assert errors == []


def test_without_control_a_fork_may_take_it(emulator: EmulatorProcess) -> None:
    def child() -> int:
        with cl.open() as own:
            start = own.timestamp()
            own.stim(11, 1.0)
            return len(stims_after(own, start))

    with cl.open(take_control=False) as neurons:
        assert in_fork(child) == 1
        assert neurons.read(100).shape == (100, 64)

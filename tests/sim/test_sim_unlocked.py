"""What is not done with an engine's lock held: calls of the user's code, waits for another thread."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import LiveDataSink, LiveSimulatorDataSource, Simulator
from cl.sim.sources.random_source import RandomSource


class SpokenError(Exception):
    """An error whose text is made by code of the user's."""

    def __init__(self, asked: list[bool]) -> None:
        self.asked = asked
        self.neurons: cl.Neurons | None = None

    def __str__(self) -> str:
        if self.neurons is not None:
            self.asked.append(self.neurons._engine.lock.held_here())
        return "the dish is dry"


class Drying(LiveSimulatorDataSource):
    """Gives some frames, and fails between two calls, when it is told to."""

    def __init__(self, error: SpokenError) -> None:
        super().__init__(supports_accelerated=True)
        self.error = error
        self.dry = threading.Event()

    def start(self, sink: LiveDataSink) -> None:
        sink.emit_frames(np.zeros((100, 64), np.int16))
        self.dry.wait(10)
        sink.close(self.error)

    def stop(self) -> None:
        self.dry.set()


@pytest.mark.parametrize("accelerated", [True, False])
def test_what_a_sources_failure_says_is_asked_without_the_lock(accelerated: bool) -> None:
    asked: list[bool] = []
    error = SpokenError(asked)
    source = Drying(error)
    with cl.open(device=Simulator(source=lambda: source, accelerated=accelerated)) as neurons:
        neurons.read(100, 0)
        error.neurons = neurons
        source.dry.set()
        with pytest.raises(DeviceDisconnectedError, match="SpokenError: the dish is dry"):
            neurons.read(100, 100)
    assert asked and not any(asked)


def test_spikes_are_drawn_while_frames_are_being_made() -> None:
    source, expected = RandomSource(3), RandomSource(3).spikes(0, 100_000)
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(source.spikes(0, 100_000)))
    with source._frames_lock:  # Another thread makes frames, for a recording say.
        thread.start()
        thread.join(10)
        assert found == [expected]
    thread.join()

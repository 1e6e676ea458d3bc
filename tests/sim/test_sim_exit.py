"""An interpreter that ends with a live source open."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import cl
from cl._core.last_words import hear_out


def test_an_interpreter_that_ends_does_not_wait_for_a_source() -> None:
    code = """
import numpy as np
from cl.sim import LiveSimulatorDataSource
from cl.sim.user.live_source import LiveSource

class Blocking(LiveSimulatorDataSource):
    def start(self, sink):
        while True:
            sink.emit_frames(np.zeros((50, 64), np.int16))

class Task(LiveSimulatorDataSource):
    async def start(self, sink):
        while True:
            await sink.aemit_frames(np.zeros((50, 64), np.int16))

for source in (Blocking(max_buffer_frames=100), Task(max_buffer_frames=100)):
    adapter = LiveSource(source, "x", source.metadata)
    adapter.open()
    adapter.read(0, 500)
print("at the end")
"""
    here = str(Path(cl.__file__).parents[1])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=here)
    assert run.stdout == "at the end\n", run.stderr
    assert run.returncode == 0


CALLERS = """
import sys, threading
import cl
from cl._core.last_words import daemons_inside

opened = cl.open()
neurons = opened.__enter__()

class SlowToTell:
    # What a daemon thread is cut off in: the lock of stderr is held while this writes.
    def write(self, text):
        for letter in text:
            sys.__stderr__.write(letter)
            sys.__stderr__.flush()
    def flush(self):
        pass

sys.stderr = SlowToTell()
threading.Thread(target=neurons.read, args=(25_000_000,), daemon=True).start()
while not daemons_inside():
    pass
print("at the end")
"""


def test_a_thread_that_is_told_of_the_end_is_heard_out() -> None:
    here = str(Path(cl.__file__).parents[1])
    environment = {**os.environ, "CL_SDK_ACCELERATED_TIME": "0", "CL_SDK_VISUALISATION": "0"}
    run = subprocess.run(
        [sys.executable, "-c", CALLERS], capture_output=True, text=True, timeout=60, cwd=here, env=environment
    )
    assert run.stdout == "at the end\n", run.stderr
    assert run.returncode == 0, run.stderr
    assert run.stderr.endswith("DeviceDisconnectedError: the device was closed\n")


def test_threads_that_cannot_be_waited_for_are_left_out() -> None:
    """Those that C or `_thread` has begun, and those that never were."""
    may_end = threading.Event()
    last = threading.Thread(target=may_end.wait)
    last.start()
    threading.Timer(0.05, may_end.set).start()
    hear_out([threading.Thread(), last])
    assert not last.is_alive(), "the one after it was heard"

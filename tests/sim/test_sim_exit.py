"""An interpreter that ends with a live source open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cl


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

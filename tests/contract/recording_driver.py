"""Records in processes that are killed or interrupted, and tells what their files have to hold.

`recording_driver.py MODE FOLDER COUNT SEED` prints a line for each process: the file, and the frames that
have to be readable in it. The modes:

- `wall`, `virtual`: killed in the midst of a recording, in wall-clock and in accelerated time;
- `still`: killed while accelerated time stands still;
- `closing`, `closing-wall`: killed around the final close;
- `interrupted`, `interrupted-wall`: Ctrl-C at any moment, after which the file has to be complete.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import cl

_MARK = struct.Struct("<Qd")
LONGEST = 2_000
"""Ticks after which a process does no more."""
CLOSING = 1 << 40
"""A mark that says that the recording is being closed."""
BEAT = CLOSING + 1
"""A mark that says that the process is running."""
BEAT_S = 0.05


def record(mode: str, pipe: int) -> None:
    """Record, telling through the pipe which frames were given when; until killed."""
    with cl.open() as neurons:
        recording = neurons.record(attributes={"mode": mode}, file_suffix=str(os.getpid()))
        stream = neurons.create_data_stream("ticks")
        os.write(pipe, _MARK.pack(0, time.monotonic()))
        for tick in neurons.loop(200, ignore_jitter=True):
            stream.append(tick.iteration_timestamp, tick.iteration)
            turn = tick.iteration % 16
            neurons.stim(8 + turn, 0.1 * (1 + turn))
            os.write(pipe, _MARK.pack(tick.iteration_timestamp - recording.start_timestamp, time.monotonic()))
            if (mode == "still" and tick.iteration == 150) or tick.iteration == LONGEST:
                signal.pause()
            if mode.startswith("closing") and tick.iteration == 40:
                break
        recording.set_attribute("closing", True)
        os.write(pipe, _MARK.pack(CLOSING, time.monotonic()))
        recording.stop()
        signal.pause()


def beat(pipe: int) -> None:
    """Tell all the while that the process is running: a machine may keep it from that."""
    while True:
        os.write(pipe, _MARK.pack(BEAT, time.monotonic()))
        time.sleep(BEAT_S)


def child(mode: str, pipe: int) -> None:
    signal.alarm(60)  # Whatever happens, it does not stay.
    threading.Thread(target=beat, args=(pipe,), daemon=True).start()
    try:
        record(mode, pipe)
    except KeyboardInterrupt:
        os._exit(7)
    finally:
        os._exit(1)


class Process:
    """A process that records, and what it told."""

    def __init__(self, mode: str) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            child(mode, writing)
        os.close(writing)
        self._pipe = reading
        self._data = b""
        self.marks: list[tuple[int, float]] = []
        self.beats: list[float] = []

    def read(self) -> bool:
        """Read some of what it tells; return False at its end."""
        data = os.read(self._pipe, 1 << 16)
        self._data += data
        whole = len(self._data) // _MARK.size * _MARK.size
        told = list(_MARK.iter_unpack(self._data[:whole]))
        self.marks += [mark for mark in told if mark[0] != BEAT]
        self.beats += [when for kind, when in told if kind == BEAT]
        self._data = self._data[whole:]
        return bool(data)

    def stood_still(self, until: float) -> float:
        """Return for how many seconds in all it was kept from running."""
        gaps = [later - earlier - BEAT_S for earlier, later in pairwise([*self.beats, until])]
        return sum(gap for gap in gaps if gap > 0.01)

    def end(self, number: int) -> int:
        """Send a signal; return the exit status."""
        os.kill(self.pid, number)
        _, status = os.waitpid(self.pid, 0)
        while self.read():
            pass
        os.close(self._pipe)
        return os.waitstatus_to_exitcode(status)


def run(mode: str, folder: Path) -> tuple[str, int]:
    """Return the file of a process, and how many frames have to be in it."""
    process = Process(mode)
    while not process.marks:
        assert process.read()
    if mode == "still":
        while process.marks[-1][0] < 151 * 125:
            assert process.read()
        time.sleep(1.2)  # what is older than a second is promised
    elif mode.startswith("closing"):
        while process.marks[-1][0] != CLOSING:
            assert process.read()
        time.sleep(random.random() * (0.004 if mode == "closing" else 0.03))
    elif mode == "wall":
        time.sleep(1.1 + random.random() * 0.5)
    else:
        time.sleep(random.random() * 0.15)
    interrupted = mode.startswith("interrupted")
    killed = time.monotonic()
    status = process.end(signal.SIGINT if interrupted else signal.SIGKILL)
    assert status == (7 if interrupted else -signal.SIGKILL), status
    (name,) = [p.name for p in folder.iterdir() if p.name.endswith(f"_{process.pid}.h5")]
    marks = [(frame, when) for frame, when in process.marks if frame < CLOSING]
    if interrupted:
        return name, max(frame for frame, _ in marks)
    if mode == "virtual":
        # Device time decides there: a second of it passes in a moment.
        return name, max(0, max(frame for frame, _ in marks) - 25_000)
    # What is older than a second is promised of a process that runs.
    second = 1.0 + process.stood_still(killed)
    return name, max([frame for frame, when in marks if killed - when > second], default=0)


def main() -> None:
    mode, folder, count, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    os.environ.update(CL_SDK_VISUALISATION="0", CL_SDK_RANDOM_SEED="7")
    os.environ["CL_SDK_ACCELERATED_TIME"] = "0" if mode.endswith("wall") else "1"
    os.chdir(folder)
    random.seed(seed)
    with cl.open():  # so that the processes need not load everything
        pass
    for _ in range(count):
        print(*run(mode, folder), flush=True)


if __name__ == "__main__":
    main()

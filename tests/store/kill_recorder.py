"""Kills recording processes at random moments and checks what they leave.

`kill_recorder.py DIRECTORY recording|closing KILLS SEED` prints how many were killed and how many of
their files could not be read. In `closing` the moments lie around the final close.
"""

from __future__ import annotations

import os
import random
import signal
import struct
import sys
import time
import traceback
from pathlib import Path

from store_files import SYSTEM, Filler, check_tables, check_view

from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

_MARK = struct.Struct("<QQQQ")


def record(path: Path, pipe: int, closing: bool) -> None:
    """Record as fast as it goes; tell through the pipe what has been flushed."""
    filler = Filler(RecordingWriter(path, RecordingHeader(application={"a": 1}, system=SYSTEM)))
    os.write(pipe, _MARK.pack(0, 0, 0, 0))
    rounds = 3 if closing else 1_000_000
    for i in range(rounds):
        if i % 16 == 0:
            filler.add_stream(f"s{i}", {"i": i})
        filler.add(random.randrange(1500), random.randrange(20), random.randrange(20), 2)
        if i % 5 == 0:
            filler.writer.set_attributes({"i": i, "pad": "x" * random.randrange(3000)})
        filler.writer.flush()
        os.write(pipe, _MARK.pack(filler.frames, filler.spikes, filler.stims, len(filler.streams)))
    filler.add(500, 5, 5, 2)
    filler.writer.finish(application={"done": 1})
    os.write(pipe, _MARK.pack(filler.frames, filler.spikes, filler.stims, len(filler.streams)))
    time.sleep(60)


def kill_one(path: Path, closing: bool) -> tuple[int, int, int, int]:
    """Let a process record, kill it, and return what it had flushed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        random.seed()
        os.close(reading)
        try:
            record(path, writing, closing)
        finally:
            os._exit(1)
    os.close(writing)
    data = os.read(reading, _MARK.size)  # it has begun
    if closing:
        while len(data) < 4 * _MARK.size:
            data += os.read(reading, _MARK.size)
        time.sleep(random.random() * 0.0015)
    else:
        time.sleep(random.random() * 0.06)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 1 << 16):
        data += more
    os.close(reading)
    return _MARK.unpack_from(data, (len(data) // _MARK.size - 1) * _MARK.size)


def main() -> None:
    directory, closing, kills = Path(sys.argv[1]), sys.argv[2] == "closing", int(sys.argv[3])
    random.seed(int(sys.argv[4]))
    unreadable = 0
    ended = 0
    for i in range(kills):
        path = directory / f"killed_{i}.h5"
        counts = kill_one(path, closing)
        wanted = (*counts[:3], {f"s{16 * n}": 0 for n in range(counts[3])})
        try:
            with check_view(path, wanted) as view:
                ended += view.complete
            check_tables(path, wanted)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            unreadable += 1
        path.unlink()
    print(f"ended before the kill: {ended}")
    print(kills, unreadable)


if __name__ == "__main__":
    main()

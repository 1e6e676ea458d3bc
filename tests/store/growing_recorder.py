"""Records to a file, some flushes for each byte of its stdin, until that ends: `growing_recorder.py FILE`.

Says "begun" once there is something to see. Streams come, attributes change and grow, so that every kind of
write occurs. Frame n has spike n, frame 3 n stim n, flush n entry n of the stream "s".
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from store_files import SYSTEM, Filler

from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter


def record(path: Path) -> None:
    filler = Filler(RecordingWriter(path, RecordingHeader(application={"i": 0}, system=SYSTEM)))
    filler.add_stream("s", {"i": 0})
    flushes = 0
    wanted = 1
    while flushes < wanted or (more := len(os.read(0, 1))):
        if flushes == wanted:
            wanted += random.randrange(3 * more + 1)
            continue
        # Later little comes: what a thousand views have to read stays small.
        count = random.randrange(1, 20) if flushes < 500 else int(flushes % 50 == 0)
        filler.add(count, count, -(-(filler.frames + count) // 3) - filler.stims, int(count > 0))
        flushes += 1
        if flushes % 50 == 1 and len(filler.streams) < 4:
            filler.add_stream(f"stream {flushes}", {"i": flushes})
        if flushes % 3 == 0:
            filler.writer.set_attributes({"i": flushes, "pad": "x" * random.randrange(3000)})
        if flushes % 7 == 0:
            longest = 100_000 if flushes % 70 == 0 else 1_000
            filler.writer.set_stream_attributes("s", {"i": flushes, "pad": "y" * random.randrange(longest)})
        filler.writer.flush()
        if flushes == 1:
            print("begun", flush=True)
    filler.writer.finish()


if __name__ == "__main__":
    record(Path(sys.argv[1]))

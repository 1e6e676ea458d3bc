"""What recording costs: `python benchmarks/bench_store.py [PART ...]`, all parts by default.

- `throughput`: the writer's time for a simulated second, and the size of the file against the raw data;
- `lateness`: a 1 kHz loop in wall-clock time, bare, beside a thread that records, and beside one that
  records with h5py, for comparison;
- `hour`: opening, and looking into, a recording of one hour; the writer's memory meanwhile;
- `kills`: processes killed while they record and while they close the file.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cl._store.packing import pack  # noqa: E402
from cl._store.write import ordered_file  # noqa: E402
from cl._store.write.header import RecordingHeader  # noqa: E402
from cl._store.write.writer import RecordingWriter  # noqa: E402

RATE = 25_000
SPIKES_PER_SECOND = 75
BATCH = 2500
SAMPLES = np.random.default_rng(1).integers(-100, 100, (BATCH, 64)).astype(np.int16)


def spikes(second: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = int(SPIKES_PER_SECOND * BATCH / RATE + 0.5)
    start = int(second * RATE)
    return start + np.arange(count), np.arange(count) % 64, np.zeros((count, 75), np.float32)


def batch(writer: RecordingWriter, second: float, samples: bool = True) -> None:
    """Append 0.1 s."""
    if samples:
        writer.append_samples(SAMPLES)
    else:
        writer.cover(int(second * RATE) + BATCH)
    writer.append_spikes(*spikes(second))


def throughput(directory: Path) -> None:
    seconds = 60
    for samples in (True, False):
        path = directory / f"throughput_{samples}.h5"
        writer = RecordingWriter(path, RecordingHeader(include_raw_samples=samples))
        writer.add_stream("loop")
        flushes = []
        start = time.perf_counter()
        for i in range(seconds * 10):
            batch(writer, i / 10, samples)
            if not samples:
                for j in range(100):
                    writer.append_stream("loop", i * BATCH + j * 25, pack({"tick": j, "x": 0.5}))
            if i % 5 == 4:
                began = time.perf_counter()
                writer.flush()
                flushes.append(time.perf_counter() - began)
        took = time.perf_counter() - start
        began = time.perf_counter()
        writer.finish()
        finish = time.perf_counter() - began
        raw = seconds * (RATE * 128 * samples + SPIKES_PER_SECOND * 309)
        what = "all" if samples else "spikes and 1000 stream entries a second"
        print(f"{what}: {took / seconds * 1e3:.2f} ms a second, {seconds / took:.0f} times real time")
        print(f"  flush p50 {np.median(flushes) * 1e6:.0f} µs, max {max(flushes) * 1e6:.0f} µs")
        print(f"  finish {finish * 1e3:.1f} ms")
        if samples:
            print(f"  size {path.stat().st_size / raw:.4f} of the raw data")
        path.unlink()


def loop_lateness(seconds: float) -> np.ndarray:
    """Return how late each body of a 1 kHz loop was, in µs; it sleeps nearly there and spins the rest."""
    period = 1_000_000
    due = time.perf_counter_ns() + period
    late = []
    for _ in range(int(seconds * 1000)):
        remaining = due - time.perf_counter_ns() - 150_000
        if remaining > 0:
            time.sleep(remaining * 1e-9)
        while time.perf_counter_ns() < due:
            pass
        late.append(time.perf_counter_ns() - due)
        due += period
    return np.array(late) / 1000


def recording_thread(directory: Path, stop: threading.Event) -> None:
    writer = RecordingWriter(directory / f"lateness_{time.perf_counter_ns()}.h5")
    start = time.perf_counter()
    i = 0
    while not stop.is_set():
        batch(writer, i / 10)
        if i % 3 == 2:
            writer.flush()
        i += 1
        time.sleep(max(0, start + i / 10 - time.perf_counter()))
    writer.finish()


def h5py_thread(directory: Path, stop: threading.Event) -> None:
    import h5py

    from cl._store.write import layout

    with h5py.File(directory / "h5py.h5", "w") as file:
        samples = file.create_dataset(
            "samples", shape=(0, 64), maxshape=(None, 64), dtype="<i2", chunks=(512, 64)
        )
        table = file.create_dataset("spikes", shape=(0,), maxshape=(None,), dtype=layout.SPIKE, chunks=(64,))
        start = time.perf_counter()
        i = 0
        while not stop.is_set():
            samples.resize((len(samples) + BATCH, 64))
            samples[-BATCH:] = SAMPLES
            timestamps, channels, waveforms = spikes(i / 10)
            rows = np.empty(len(timestamps), layout.SPIKE)
            rows["timestamp"], rows["channel"], rows["samples"] = timestamps, channels, waveforms
            table.resize((len(table) + len(rows),))
            table[-len(rows) :] = rows
            if i % 3 == 2:
                file.flush()
            i += 1
            time.sleep(max(0, start + i / 10 - time.perf_counter()))


def lateness(directory: Path) -> None:
    seconds = 8
    loop_lateness(0.5)
    threads: list[tuple[str, Callable[[Path, threading.Event], None] | None]]
    threads = [("bare", None), ("recording", recording_thread), ("h5py", h5py_thread)] * 2
    for name, target in threads:
        stop = threading.Event()
        thread = threading.Thread(target=target, args=(directory, stop)) if target else None
        if thread:
            thread.start()
        late = loop_lateness(seconds)
        stop.set()
        if thread:
            thread.join()
        p50, p99, p999 = np.quantile(late, [0.5, 0.99, 0.999])
        shown = f"p50 {p50:.1f}, p99 {p99:.1f}, p99.9 {p999:.0f}, max {late.max():.0f} µs"
        print(f"1 kHz loop, {name:<9}: late {shown}")


def hour(directory: Path) -> None:
    path = directory / "hour.h5"
    write = ordered_file._write_at

    def without_samples(descriptor: int, data: bytes | memoryview, address: int) -> int:
        """Leave a hole where the samples would be, so that an hour fits on any disk."""
        return len(data) if len(data) >= 60_000 else write(descriptor, data, address)

    ordered_file._write_at = without_samples
    before = resident()
    peak = 0.0
    writer = RecordingWriter(path)
    for i in range(36_000):
        batch(writer, i / 10)
        if i % 5 == 4:
            writer.flush()
        if i % 600 == 0:
            peak = max(peak, resident() - before)
    writer.finish()
    ordered_file._write_at = write
    print(f"memory while recording an hour: {peak:.1f} MB more than before")
    print(f"file of {path.stat().st_size / 1e9:.1f} GB (with holes)")
    from cl import RecordingView

    for attempt in ("first", "again"):
        began = time.perf_counter()
        view = RecordingView(path)
        opened = time.perf_counter()
        count = len(view.spikes.read_where("(channel == 3) & (timestamp < 10000000)"))
        found = time.perf_counter()
        view.samples[80_000_000:80_000_100]
        read = time.perf_counter()
        view.close()
        print(
            f"hour, {attempt}: open {1e3 * (opened - began):.1f} ms, {count} spikes by condition "
            f"{1e3 * (found - opened):.0f} ms, 100 frames {1e3 * (read - found):.1f} ms"
        )
    path.unlink()


def resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def kills(directory: Path) -> None:
    driver = ROOT / "tests/store/kill_recorder.py"
    for phase, count in (("recording", 200), ("closing", 300)):
        result = subprocess.run(
            [sys.executable, str(driver), str(directory), phase, str(count), "1"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        killed, unreadable = result.stdout.split()[-2:]
        print(f"killed while {phase}: {killed}, unreadable {unreadable}")


def main() -> None:
    parts = {"throughput": throughput, "lateness": lateness, "hour": hour, "kills": kills}
    for name in sys.argv[1:] or parts:
        with tempfile.TemporaryDirectory() as directory:
            parts[name](Path(directory))


if __name__ == "__main__":
    main()

"""Recordings: speed, size, what they do to a loop, memory, and how fast a long one opens.

    python benchmarks/bench_recording.py [PART] …

The parts: accelerated, size, wall, sync, compression, headroom, memory, view.

Prints figures and ratios, with the machine's load; runs everything if nothing is named. Accelerated figures
are the median of five runs with fresh seeds over 60 simulated seconds, after a warm-up. Files go to a
temporary folder (TMPDIR).
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["CL_SDK_VISUALISATION"] = "0"

import numpy as np

import cl
from cl._core.host_clock import WallClock

SECONDS = 60
RUNS = 5
ROUNDS = 7
ALONE: dict[str, Any] = {"include_raw_samples": False}


def load() -> str:
    return "load " + " ".join(f"{x:.2f}" for x in os.getloadavg())


def mark(good: bool) -> str:
    return "ok" if good else "MISSED"


# -- accelerated time ---------------------------------------------------------------------------


def record_alone(seconds: float, **arguments: Any) -> Path:
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=seconds, **arguments)
        recording.wait_until_stopped()
    return Path(recording.file["path"])


def loop(rate: int, recorded: bool) -> Callable[..., Path | None]:
    """A closed loop that answers spikes, and publishes a value in every tick."""

    def run(seconds: float, **arguments: Any) -> Path | None:
        design = cl.StimDesign(160, -1.0, 160, 1.0)
        with cl.open() as neurons:
            stream = neurons.create_data_stream("ticks")
            recording = neurons.record(stop_after_seconds=seconds, **arguments) if recorded else None
            for tick in neurons.loop(rate, stop_after_seconds=seconds):
                for spike in tick.analysis.spikes:
                    neurons.stim(spike.channel, design)
                stream.append(tick.iteration_timestamp, tick.iteration)
            if recording is None:
                return None
            recording.wait_until_stopped()
        return Path(recording.file["path"])

    return run


def accelerated() -> None:
    os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    cases: list[tuple[str, float, Callable[..., Path | None], dict[str, Any]]] = [
        ("everything", 50, record_alone, {}),
        ("everything, closed loop and stream at 100 Hz", 50, loop(100, True), {}),
        ("everything, closed loop and stream at 1 kHz", 50, loop(1000, True), {}),
        ("no samples", 150, record_alone, ALONE),
        ("no samples, closed loop and stream at 100 Hz", 150, loop(100, True), ALONE),
        ("no samples, closed loop and stream at 1 kHz", 0, loop(1000, True), ALONE),
        ("    the same without a recording", 0, loop(1000, False), {}),
    ]
    for name, target, run, arguments in cases:
        factors = []
        for seed in range(RUNS + 1):
            os.environ["CL_SDK_RANDOM_SEED"] = str(1000 + seed)
            began = time.perf_counter()
            path = run(SECONDS, **arguments)
            factors.append(SECONDS / (time.perf_counter() - began))
            if path is not None:
                path.unlink()
        found = statistics.median(factors[1:])
        aim = f"target {target}x, {mark(found >= target)}; " if target else ""
        print(f"{name:46s} {found:7.1f}x  ({aim}{load()})", flush=True)


def size() -> None:
    os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    for seconds in (1, 10, 60):
        path = record_alone(seconds)
        raw = seconds * 25_000 * 64 * 2
        more = path.stat().st_size / raw - 1
        megabytes = path.stat().st_size / 1e6
        print(f"size of {seconds} s: {megabytes:.2f} MB, raw samples and {more:.2%} ({mark(more < 0.05)})")
        path.unlink()


# -- wall-clock time ----------------------------------------------------------------------------


def bare(seconds: float) -> list[int]:
    clock = WallClock(0)
    found = []
    for i in range(1, int(1000 * seconds) + 1):
        clock.wait(i * 25)
        found.append(time.perf_counter_ns() - clock.due_ns(i * 25))
    return found


def lateness(seconds: float, recorded: bool, **arguments: Any) -> list[int]:
    with cl.open() as neurons:
        recording = neurons.record(**arguments) if recorded else None
        clock = neurons._engine.time.clock
        assert clock is not None
        found = []
        for tick in neurons.loop(1000, stop_after_seconds=seconds):
            found.append(time.perf_counter_ns() - clock.due_ns(tick.iteration_timestamp))
            for _ in tick.analysis.spikes:
                pass
        if recording is not None:
            recording.stop()
            Path(recording.file["path"]).unlink()
    return found


def p99(lateness: list[int]) -> float:
    return sorted(lateness)[len(lateness) * 99 // 100] / 1000


def wall() -> None:
    """Runs alternate: on a machine that others use too, only their ratio counts."""
    os.environ.pop("CL_SDK_ACCELERATED_TIME", None)
    lateness(0.5, recorded=True)
    rounds = [(p99(bare(3)), p99(lateness(3, False)), p99(lateness(3, True))) for _ in range(ROUNDS)]
    floor, without, recorded = (statistics.median(r[i] for r in rounds) for i in range(3))
    ratio = recorded / without
    print(
        f"1 kHz loop, p99 lateness: bare {floor:.0f} µs, loop {without:.0f} µs, "
        f"while recording {recorded:.0f} µs: {ratio:.2f}x (target 2x, {mark(ratio <= 2)}; {load()})"
    )
    for name, i in (("bare", 0), ("loop", 1), ("recording", 2)):
        print(f"    {name:10s} " + " | ".join(f"{r[i]:.0f}" for r in rounds) + " µs", flush=True)


def sync() -> None:
    """What it takes to have recordings outlast a power cut, on the disk of TMPDIR. Runs alternate."""
    import cl._store.write.ordered_file as ordered_file

    os.environ.pop("CL_SDK_ACCELERATED_TIME", None)
    took: list[float] = []
    to_disk = ordered_file._to_disk

    def timed(descriptor: int) -> None:
        began = time.perf_counter()
        to_disk(descriptor)
        took.append((time.perf_counter() - began) * 1000)

    ordered_file._to_disk = timed
    lateness(0.5, recorded=True)
    rounds = []
    for _ in range(ROUNDS):
        figures = []
        for seconds in ("0", "2"):
            os.environ["CL_SDK_SYNC_SECONDS"] = seconds
            figures.append(p99(lateness(4, recorded=True)))
        rounds.append(figures)
    del os.environ["CL_SDK_SYNC_SECONDS"]
    ordered_file._to_disk = to_disk
    without, synced = (statistics.median(r[i] for r in rounds) for i in range(2))
    took.sort()
    print(
        f"1 kHz loop beside a recording, p99 lateness: {without:.0f} µs without syncs, {synced:.0f} µs with: "
        f"{synced / without:.2f}x ({load()})"
    )
    for name, i in (("without", 0), ("synced", 1)):
        print(f"    {name:10s} " + " | ".join(f"{r[i]:.0f}" for r in rounds) + " µs")
    print(
        f"    {len(took) / (4 * ROUNDS):.1f} syncs a second, each {statistics.median(took):.1f} ms, "
        f"p99 {took[len(took) * 99 // 100]:.1f} ms, at most {took[-1]:.1f} ms",
        flush=True,
    )


def compression() -> None:
    """What compressed samples cost a 1 kHz loop, a core, and the disk. Runs alternate."""
    import cl._recording.recorder as recorder

    os.environ.pop("CL_SDK_ACCELERATED_TIME", None)
    busy: list[float] = []
    run = recorder.Recorder._run

    def timed(self: Any) -> None:
        began = time.thread_time()
        run(self)
        busy.append(time.thread_time() - began)

    recorder.Recorder._run = timed  # type: ignore[method-assign]
    lateness(0.5, recorded=True, compression="gzip")
    kinds = (None, "gzip")
    late: dict[Any, list[float]] = {kind: [] for kind in kinds}
    share: dict[Any, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind in kinds:
            busy.clear()
            late[kind].append(p99(lateness(4, recorded=True, compression=kind)))
            share[kind].append(busy[0] / 4)
    recorder.Recorder._run = run  # type: ignore[method-assign]
    without, with_it = (statistics.median(late[kind]) for kind in kinds)
    more = statistics.median(b - a for a, b in zip(*late.values(), strict=True))
    core = [statistics.median(share[kind]) for kind in kinds]
    print(
        f"1 kHz loop, p99 lateness: {without:.0f} µs beside a recording, {with_it:.0f} µs compressed: "
        f"{more:+.0f} µs in the median of pairs (target 60, {mark(more <= 60)}; {load()})"
    )
    for kind in kinds:
        print(f"    {kind or 'as it is':10s} " + " | ".join(f"{found:.0f}" for found in late[kind]) + " µs")
    print(f"    of a core {core[0]:.1%} and {core[1]:.1%} (target 25 %, {mark(core[1] <= 0.25)})", flush=True)
    os.environ["CL_SDK_ACCELERATED_TIME"] = "1"
    sizes = {}
    for kind in (None, "gzip-1", "gzip", "gzip-6"):
        began = time.perf_counter()
        path = record_alone(20, compression=kind)
        sizes[kind] = path.stat().st_size
        factor = 20 / (time.perf_counter() - began)
        print(f"    {kind or 'as it is':10s} {sizes[kind] / sizes[None]:.3f} of the size, at {factor:.0f}x")
        path.unlink()


def headroom() -> None:
    """The share of its time that the thread which writes is busy."""
    os.environ.pop("CL_SDK_ACCELERATED_TIME", None)
    with cl.open() as neurons:
        recording = neurons.record()
        neurons.read(1)
        (thread,) = [t for t in threading.enumerate() if t.name == "cl-recorder"]
        statistics = Path(f"/proc/self/task/{thread.native_id}/schedstat")
        before = int(statistics.read_text().split()[0])
        neurons.read(1, neurons.timestamp() + 10 * 25_000)
        busy = (int(statistics.read_text().split()[0]) - before) / 1e9
        recording.stop()
    Path(recording.file["path"]).unlink()
    took = f"10 s take the writer {busy * 1000:.0f} ms, headroom {10 / busy:.0f}x"
    print(f"wall clock, everything: {took} ({load()})")


# -- memory and views ---------------------------------------------------------------------------

_MEMORY = """
import os, resource, sys
import cl
recorded, seconds = sys.argv[1] == "1", int(sys.argv[2])
with cl.open() as neurons:
    recording = neurons.record() if recorded else None
    peaks = []
    for tick in neurons.loop(100, stop_after_seconds=seconds):
        tick.frames
        if (tick.iteration + 1) % (seconds * 25) == 0:
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    if recording is not None:
        recording.stop()
        os.unlink(recording.file["path"])
print(*peaks)
"""


def memory() -> None:
    environment = {**os.environ, "CL_SDK_ACCELERATED_TIME": "1", "CL_SDK_RANDOM_SEED": "7"}
    peaks = []
    for recorded in ("0", "1"):
        command = [sys.executable, "-c", _MEMORY, recorded, "300"]
        found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        peaks.append([int(part) for part in found.stdout.split()])
    more = peaks[1][-1] - peaks[0][-1]
    print(
        f"peak memory by quarters of 300 s: without {peaks[0]} MB, recording {peaks[1]} MB, "
        f"{more} MB more (target 60, {mark(more < 60)})"
    )


def one_hour(path: Path) -> None:
    """Write a recording of an hour, its samples as a hole in the file."""
    import cl._store.write.ordered_file as ordered_file
    from cl._store.write.writer import RecordingWriter

    write = ordered_file._write_at

    def write_small(descriptor: int, data: bytes | memoryview, address: int) -> int:
        return write(descriptor, data, address) if len(data) < 1 << 18 else len(data)

    ordered_file._write_at = write_small
    try:
        writer = RecordingWriter(path)
        writer.add_stream("s")
        frames = np.zeros((25_000, 64), np.int16)
        waveforms = np.ones((75, 75), np.float32)
        for second in range(3_600):
            writer.append_samples(frames)
            times = np.arange(second * 25_000, (second + 1) * 25_000, 334)[:75]
            writer.append_spikes(times, np.arange(75, dtype=np.uint8) % 64, waveforms)
            writer.append_stims(times, np.arange(75, dtype=np.uint8) % 64)
            for i in range(10):
                writer.append_stream("s", second * 25_000 + i, b"\x01")
            writer.flush()
        writer.finish()
    finally:
        ordered_file._write_at = write


def view() -> None:
    path = Path("one_hour.h5")
    one_hour(path)
    with cl.RecordingView(path) as found:
        assert found.attributes["duration_seconds"] == 3_600
    times = []
    for _ in range(9):
        began = time.perf_counter()
        with cl.RecordingView(path) as found:
            times.append((time.perf_counter() - began) * 1000)
    opened = statistics.median(times)
    print(f"opening the view of an hour: {opened:.1f} ms (target 50 ms, {mark(opened <= 50)}; {load()})")
    path.unlink()


def main() -> None:
    parts = {
        "accelerated": accelerated,
        "size": size,
        "wall": wall,
        "sync": sync,
        "compression": compression,
        "headroom": headroom,
        "memory": memory,
        "view": view,
    }
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(cl.__file__).parents[1]), *sys.path])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in sys.argv[1:] or parts:
            parts[name]()
        print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
        os.chdir("/")


if __name__ == "__main__":
    main()

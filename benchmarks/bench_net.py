"""A device across the network, on loopback: what `cl serve` costs, and how late things are.

    python benchmarks/bench_net.py [--seconds 10]

- stim: from calling `stim()` to its answer.
- spike to tick: from the moment that a spike's frame exists on the device, which `host_ns` tells, to the
  body of the tick of a 1 kHz loop that has it, at the client. The tick's own length is in it: half a
  millisecond on average.
- three readers: the share of a core that the server takes with raw frames to three clients.
- recording: the frames that a recording across the link has lost.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack

import cl

os.environ["CL_SDK_VISUALISATION"] = "0"
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def told(name: str, values: Sequence[float]) -> None:
    """Print the percentiles of times in milliseconds."""
    p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
    print(f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, {len(values)} times")


def cpu_ns(pid: int) -> int:
    """Return the processor time that a process has taken."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_NS


def time_stims(address: str, seconds: float) -> None:
    """Time `stim()`, 100 of them a second."""
    times = []
    with cl.open(device=address) as neurons:
        for _ in range(int(seconds * 100)):
            before = time.perf_counter_ns()
            neurons.stim(8, 1.0)
            times.append((time.perf_counter_ns() - before) / 1e6)
            neurons.read(200)
    told("stim", times)


def time_spikes(address: str, seconds: float) -> None:
    """Time spikes on their way into a loop's body."""
    times = []
    with cl.open(device=address) as neurons:
        neurons.read(25_000)
        for tick in neurons.loop(1000, stop_after_seconds=seconds, ignore_jitter=True):
            now = time.monotonic_ns()
            times += [(now - neurons.host_ns(spike.timestamp + 1)) / 1e6 for spike in tick.analysis.spikes]
        print(f"(the clocks are known within {neurons.clock_error_ns() / 1e6:.2f} ms)")
    told("spike to tick", times)


READER = """
import sys, cl
with cl.open(device=sys.argv[1], take_control=False) as neurons:
    print("reads", flush=True)
    sys.stdin.readline()
    print(neurons._engine.losses.total)
"""


def three_readers(address: str, pid: int, seconds: float) -> None:
    """Measure the server with raw frames to three clients."""
    with ExitStack() as held:
        readers = [
            held.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", READER, address],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(3)
        ]
        for reader in readers:
            assert reader.stdout is not None and reader.stdout.readline() == "reads\n"
        before, begun = cpu_ns(pid), time.monotonic()
        time.sleep(seconds)
        share = (cpu_ns(pid) - before) / 1e9 / (time.monotonic() - begun)
        lost = sum(int(reader.communicate("\n")[0]) for reader in readers)
    print(f"three readers: {100 * share:.1f} % of a core at the server, {lost} frames lost")


def record(address: str, seconds: float) -> None:
    """Record across the link, and say what was lost."""
    with tempfile.TemporaryDirectory() as folder, cl.open(device=address) as neurons:
        recording = neurons.record(file_location=folder, stop_after_seconds=seconds)
        recording.wait_until_stopped()
        with recording.open() as view:
            lost = view.attributes.get("frames_lost", 0)
            print(f"recording: {len(view.samples)} frames, {lost} lost")


def main() -> None:
    """Serve a simulator, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each of the four")
    seconds = parser.parse_args().seconds
    server = subprocess.Popen(
        [sys.executable, "-m", "cl", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CL_SDK_SPIKE_PERCENTILE": "99.99"},
    )
    assert server.stdout is not None
    with server:
        try:
            address = server.stdout.readline().split()[-1]
            time_stims(address, seconds)
            time_spikes(address, seconds)
            three_readers(address, server.pid, seconds)
            record(address, seconds)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()

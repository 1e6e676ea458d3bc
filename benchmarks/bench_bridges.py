"""What bridges cost: CPU at some 200 spikes/s, and the lateness of a loop beside them.

    python benchmarks/bench_bridges.py [--seconds 3] [--rounds 5] [--lsl] [--only NAME]

A loop at 1 kHz runs on a simulator of some 200 spikes/s, beside each bridge in turn, with a subscriber that
takes what comes and with one that is stalled (its process is stopped), and before each of them alone: the
machine is never as quiet as the minute before. Prints the CPU of all other threads in percent of a core,
more than alone, and the loop's lateness beside the bridge and alone; each the median of the rounds. The
target: 5 % of a core for each bridge, and the lateness as it was. LSL is measured with --lsl, in a network
namespace of its own (`unshare -n`): liblsl listens on all interfaces.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["CL_SDK_VISUALISATION"] = "0"
os.environ.setdefault("CL_SDK_SPIKE_PERCENTILE", "99.988")

import cl
from cl.interop.osc import Sender
from cl.interop.zmq import Publisher

Bridge = Callable[[ExitStack, cl.Neurons], Any]
ZMQ = """
import sys, zmq
reader = zmq.Context().socket(zmq.SUB)
reader.subscribe(b"")
reader.connect(sys.argv[1])
reader.recv_multipart()
print("ready", flush=True)
while True:
    reader.recv_multipart()
"""
LSL = """
import sys, pylsl
found = [pylsl.resolve_byprop("name", name, 1, 10)[0] for name in sys.argv[1:]]
inlets = [pylsl.StreamInlet(info, max_buflen=10) for info in found]
for inlet in inlets:
    inlet.open_stream(10)
print("ready", flush=True)
while True:
    for inlet in inlets:
        inlet.pull_chunk(timeout=0.02, max_samples=5000)
"""


def subscribe(stack: ExitStack, stalled: bool, code: str, *arguments: str) -> None:
    """Start a subscriber, and wait until it is connected; one that is stalled is then stopped."""
    process = stack.enter_context(
        subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    if stalled:
        process.send_signal(signal.SIGSTOP)


def publish(stack: ExitStack, neurons: cl.Neurons, stalled: bool) -> Any:
    publisher = stack.enter_context(Publisher(neurons, "0"))
    subscribe(stack, stalled, ZMQ, publisher.address)
    return publisher


def send(stack: ExitStack, neurons: cl.Neurons) -> Any:
    reader = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    reader.bind(("127.0.0.1", 0))
    return stack.enter_context(Sender(neurons, f"127.0.0.1:{reader.getsockname()[1]}"))


def outlet(stack: ExitStack, neurons: cl.Neurons, stalled: bool, samples: bool) -> Any:
    from cl.interop.lsl import Outlet

    found = stack.enter_context(Outlet(neurons, samples=samples))
    subscribe(stack, stalled, LSL, "cl-spikes", *(["cl-samples"] if samples else []))
    return found


class Figures(NamedTuple):
    """One run of the loop: CPU of the other threads in percent, lateness in µs, events a second."""

    cpu: float
    p50: float
    p99: float
    events: float


def _others() -> float:
    """Return the CPU time of all threads but this one, whose loop spins."""
    return time.process_time() - time.thread_time()


def measure(bridge: Bridge | None, seconds: float) -> Figures:
    with cl.open() as neurons, ExitStack() as stack:
        found = None if bridge is None else bridge(stack, neurons)
        sent = 0 if found is None else found.statistics().sent
        begun, cpu = time.perf_counter(), _others()
        loop = neurons.loop(ticks_per_second=1000, stop_after_seconds=seconds, jitter_tolerance_frames=25_000)
        for _ in loop:
            pass
        share = 100 * (_others() - cpu) / (time.perf_counter() - begun)
        late = loop.statistics()
        events = 0.0 if found is None else (found.statistics().sent - sent) / seconds
    return Figures(share, late.p50_us, late.p99_us, events)


def compare(name: str, bridge: Bridge, seconds: float, rounds: int) -> None:
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(measure(None, seconds))
        beside.append(measure(bridge, seconds))
    without, with_it = (Figures(*map(median, zip(*each, strict=True))) for each in (alone, beside))
    print(
        f"{name:>22}: CPU {with_it.cpu - without.cpu:+5.1f} %; late, µs: p50 {with_it.p50:.0f} "
        f"(alone {without.p50:.0f}), p99 {with_it.p99:.0f} (alone {without.p99:.0f}); "
        f"{with_it.events:.0f} events/s; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lsl", action="store_true")
    parser.add_argument("--only", default="", help="bridges whose name has this")
    options = parser.parse_args()
    bridges: dict[str, Bridge] = {
        "ZeroMQ": lambda stack, neurons: publish(stack, neurons, False),
        "ZeroMQ, stalled": lambda stack, neurons: publish(stack, neurons, True),
        "OSC, nobody reads": send,
    }
    if options.lsl:
        for name, with_samples in (("LSL", False), ("LSL with samples", True)):
            for end, stalled in (("", False), (", stalled", True)):
                bridges[name + end] = lambda stack, neurons, s=stalled, w=with_samples: outlet(
                    stack, neurons, s, w
                )
    for name, bridge in bridges.items():
        if options.only in name:
            compare(name, bridge, options.seconds, options.rounds)


if __name__ == "__main__":
    main()

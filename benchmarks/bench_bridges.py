"""What bridges cost: CPU at some 200 spikes/s, and the lateness of a loop beside them.

    python benchmarks/bench_bridges.py [--seconds 5] [--lsl]

A loop at 1 kHz runs on a simulator of some 200 spikes/s, alone and beside each bridge, of ZeroMQ also with a
subscriber that takes nothing. Prints the CPU of all other threads in percent of a core, more than alone, the
loop's lateness, and the machine's load. The target: 5 % of a core for each bridge. LSL is measured with
--lsl, in a network namespace of its own (`unshare -n`): liblsl listens on all interfaces.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["CL_SDK_VISUALISATION"] = "0"
os.environ.setdefault("CL_SDK_SPIKE_PERCENTILE", "99.988")

import cl
from cl.interop.osc import Sender
from cl.interop.zmq import Publisher

Bridge = Callable[[ExitStack, cl.Neurons], Any]


@contextmanager
def subscribed(address: str) -> Iterator[None]:
    """A subscriber that is connected, and never takes anything."""
    import zmq

    context = zmq.Context()
    out = context.socket(zmq.SUB)
    out.setsockopt(zmq.RCVHWM, 1)
    out.setsockopt(zmq.RCVBUF, 4096)
    out.subscribe(b"")
    out.connect(address)
    time.sleep(0.2)
    yield
    context.destroy(linger=0)


def publish(stack: ExitStack, neurons: cl.Neurons, stalled: bool = False) -> Any:
    publisher = stack.enter_context(Publisher(neurons, "0"))
    if stalled:
        stack.enter_context(subscribed(publisher.address))
    return publisher


def send(stack: ExitStack, neurons: cl.Neurons) -> Any:
    reader = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    reader.bind(("127.0.0.1", 0))
    return stack.enter_context(Sender(neurons, f"127.0.0.1:{reader.getsockname()[1]}"))


def outlet(stack: ExitStack, neurons: cl.Neurons, samples: bool = False) -> Any:
    import pylsl

    from cl.interop.lsl import Outlet

    found = stack.enter_context(Outlet(neurons, samples=samples))
    for name in ("cl-spikes", "cl-samples") if samples else ("cl-spikes",):
        inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", name, 1, 10)[0])
        inlet.open_stream(10)
        stack.callback(inlet.close_stream)
    return found


def _others() -> float:
    """Return the CPU time of all threads but this one, whose loop spins."""
    return time.process_time() - time.thread_time()


def measure(name: str, bridge: Bridge | None, seconds: float, alone: float) -> float:
    with cl.open() as neurons, ExitStack() as stack:
        found = None if bridge is None else bridge(stack, neurons)
        begun, cpu = time.perf_counter(), _others()
        loop = neurons.loop(ticks_per_second=1000, stop_after_seconds=seconds, jitter_tolerance_frames=25_000)
        for _ in loop:
            pass
        share = 100 * (_others() - cpu) / (time.perf_counter() - begun)
        late = loop.statistics()
        sent = "" if found is None else f", {found.statistics().sent / seconds:.0f} events/s"
        print(
            f"{name:>28}: CPU {share - alone:+5.1f} %, late p50 {late.p50_us:.0f} µs, "
            f"p99 {late.p99_us:.0f} µs, max {late.max_us:.0f} µs{sent}",
            flush=True,
        )
    return share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--lsl", action="store_true")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    bridges: dict[str, Bridge] = {
        "ZeroMQ": publish,
        "ZeroMQ, stalled subscriber": lambda stack, neurons: publish(stack, neurons, True),
        "OSC, nobody reads": send,
    }
    if options.lsl:
        bridges["LSL, an inlet that is stalled"] = outlet
        bridges["LSL with samples, stalled"] = lambda stack, neurons: outlet(stack, neurons, True)
    alone = measure("alone", None, options.seconds, 0.0)
    for name, bridge in bridges.items():
        measure(name, bridge, options.seconds, alone)


if __name__ == "__main__":
    main()

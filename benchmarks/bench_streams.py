"""How fast the async side is: streams and concurrent loops in accelerated time, a web service in real time.

    python benchmarks/bench_streams.py [--seconds 10]

Prints what the machine was doing besides. The targets: one spike stream 200 times as fast as the device, ten
concurrent 100 Hz loops 60 times; fifty WebSocket clients at most 35 % of a core, delivery p99 at most 20 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import psutil
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import cl  # noqa: E402
from cl.testing import Simulator  # noqa: E402

LOOPS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
CLIENTS = 50


async def one_stream(neurons: cl.Neurons, seconds: float) -> int:
    count = 0
    async with neurons.spikes() as stream:
        async for spike in stream:
            count += 1
            if spike.timestamp >= seconds * 25_000:
                return count
    return count


async def ten_loops(neurons: cl.Neurons, seconds: float) -> int:
    count = 0

    async def loop() -> None:
        nonlocal count
        async for _ in neurons.aloop(100, stop_after_seconds=seconds):
            count += 1

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(loop)
    return count


async def ten_streams(neurons: cl.Neurons, seconds: float) -> int:
    counts: list[int] = []

    async def consume() -> None:
        counts.append(await one_stream(neurons, seconds))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(consume)
    return sum(counts)


def accelerated(name: str, job: Callable[[cl.Neurons, float], Awaitable[int]], seconds: float) -> None:
    """Run a job on each event loop, and print how much faster than the device it was."""
    for loop, (backend, options) in LOOPS.items():

        async def main() -> tuple[int, float, float]:
            async with Simulator(7) as neurons:
                began, worked = time.perf_counter(), time.process_time()
                count = await job(neurons, seconds)
                return count, time.perf_counter() - began, time.process_time() - worked

        count, wall, worked = anyio.run(main, backend=backend, backend_options=options)
        speed = f"{seconds / wall:6.0f} x real time ({seconds / worked:6.0f} x by processor time)"
        print(f"{name:12} {loop:8} {speed}, {worked / count * 1e6:5.1f} µs each")


class Service:
    """The example of a web service, in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "web_service.py"), "--port", "0"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "CL_SDK_RANDOM_SEED": "7",
                "CL_SDK_VISUALISATION": "0",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"running on http://([\d.:]+)", line):
                self.url = found[1]
                return
        raise RuntimeError("the service did not start")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)


async def origin_of(url: str) -> float:
    """Return the host time at which the device's frame 0 began, by the quickest of some requests."""
    best, origin = 1e9, 0.0
    async with httpx.AsyncClient(base_url=f"http://{url}") as http:
        for _ in range(40):
            before = time.perf_counter()
            timestamp = (await http.get("/status")).json()["timestamp"]
            after = time.perf_counter()
            if after - before < best:
                best, origin = after - before, (before + after) / 2 - timestamp / 25_000
    return origin


async def fan_out(url: str, process: psutil.Process, seconds: float) -> None:
    """Let clients receive spikes, and print what it costs the server and how late the spikes come."""
    origin = await origin_of(url)
    late: list[float] = []
    messages = 0

    async def receive() -> None:
        nonlocal messages
        async with connect(f"ws://{url}/spikes", compression=None) as client:
            async for message in client:
                now = time.perf_counter() - origin
                messages += 1
                late.extend(now - timestamp / 25_000 for timestamp, _ in json.loads(message)["spikes"])

    async with anyio.create_task_group() as group:
        for _ in range(CLIENTS):
            group.start_soon(receive)
        await anyio.sleep(1)
        late.clear()
        messages = 0
        before, began = process.cpu_times(), time.perf_counter()
        await anyio.sleep(seconds)
        after, wall = process.cpu_times(), time.perf_counter() - began
        group.cancel_scope.cancel()
    worked = after.user + after.system - before.user - before.system
    late.sort()
    p50, p99, p999 = (late[int(len(late) * q)] * 1e3 for q in (0.5, 0.99, 0.999))
    print(
        f"{CLIENTS} WebSocket clients: {worked / wall:.0%} of a core, {messages / wall:.0f} messages/s, "
        f"{len(late) / wall:.0f} spikes/s; delivery p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the service is watched")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, other programs: {_others():.0%}")
    accelerated("one stream", one_stream, 200)
    accelerated("ten streams", ten_streams, 50)
    accelerated("ten loops", ten_loops, 50)
    service = Service()
    try:
        process = psutil.Process(service.process.pid)
        anyio.run(fan_out, service.url, process, options.seconds, backend_options={"use_uvloop": True})
    finally:
        service.stop()
    print(f"load average {os.getloadavg()[0]:.1f}, other programs: {_others():.0%}")


def _others() -> float:
    """Return how many cores other programs use just now."""
    return psutil.cpu_percent(interval=1.0) / 100 * (os.cpu_count() or 1)


if __name__ == "__main__":
    main()

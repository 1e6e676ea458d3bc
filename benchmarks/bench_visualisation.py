"""What the data visualiser costs: a loop's lateness, the server's share of a core, the page's pace.

    python benchmarks/bench_visualisation.py [seconds] [--browser]

The pages are WebSocket clients in another process that subscribe to what the real page does. With
`--browser` three pages in headless Chromium are measured as well: on a machine of two cores their drawing
competes with the loop for the processor itself.
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

os.environ["CL_SDK_VISUALISATION"] = "0"  # the benchmark starts the server itself

import cl
import cl._current
from cl._core.host_clock import WallClock, host_ns
from cl._core.lateness import Lateness, LoopStatistics
from cl.visualisation import start_server
from cl.visualisation.server.server import VisualiserServer

PAGES = 3
CLIENTS = """
import asyncio, json, sys, time
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

TOPICS = [
    {"topic": "spikes", "since": 0}, {"topic": "stims", "since": 0}, {"topic": "overview", "since": 0},
    {"topic": "traces", "channels": [18, 27, 36, 45], "bin": 25, "since": 0},
    {"topic": "waveforms", "channel": 27, "since": 0}, {"topic": "streams", "since": 0}, {"topic": "status"},
]

async def page(url):
    async with connect(url, max_size=None, compression=None) as connection:
        for topic in TOPICS:
            await connection.send(json.dumps({"type": "subscribe", **topic}))
        total, begun = 0, None
        try:
            async for message in connection:
                if begun is None and json.loads(message)["type"] == "hello":
                    print("ready", flush=True)
                    begun = time.monotonic() + 2
                if time.monotonic() > begun:
                    total += len(message)
        except ConnectionClosed:
            pass
        print(total / max(0.001, time.monotonic() - begun), flush=True)

async def main():
    await asyncio.gather(*(page(sys.argv[1]) for _ in range(int(sys.argv[2]))))

asyncio.run(main())
"""


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


@contextmanager
def device() -> Iterator[tuple[cl.Neurons, VisualiserServer]]:
    with cl.open() as neurons:
        session = cl._current.devices.environments()
        assert session is not None
        server = start_server(
            session.engine, port_from=0, loops=lambda: tuple(run.loop for run in session.engine.runs)
        )
        assert server is not None
        try:
            yield neurons, server
        finally:
            server.stop()


@contextmanager
def clients(server: VisualiserServer, pages: int) -> Iterator[list[float]]:
    """Open pages in another process; the bytes a second that each was sent are there at the end."""
    rates: list[float] = []
    url = server.url.replace("http:", "ws:") + "/ws"
    command = [sys.executable, "-c", CLIENTS, url, str(pages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(pages):
            process.stdout.readline()
        time.sleep(2)  # what they asked for from the past is sent
        yield rates
        server.stop()
        rates += [float(process.stdout.readline()) for _ in range(pages)]


@contextmanager
def browser(server: VisualiserServer, pages: int) -> Iterator[list[dict[str, float]]]:
    """Open pages in Chromium, in a process of its own; what they say of themselves is there at the end."""
    from playwright.sync_api import sync_playwright

    found: list[dict[str, float]] = []
    with sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        opened = [
            chromium.new_context(viewport={"width": 1280, "height": 720}).new_page() for _ in range(pages)
        ]
        for page in opened:
            page.goto(server.url)
            page.wait_for_function("() => visualiser().connected", polling=100)
        time.sleep(3)
        yield found
        keys = ("fps", "cost", "bytesPerSecond", "dropped")
        found += [page.evaluate("(keys) => keys.map((key) => visualiser()[key])", keys) for page in opened]
        found[:] = [dict(zip(keys, values, strict=True)) for values in found]
        chromium.close()


def bare(seconds: float) -> LoopStatistics:
    """Sleep and spin at 1 kHz: the machine's own floor."""
    clock, lateness = WallClock(0), Lateness()
    for frame in range(25, int(seconds * 25_000), 25):
        clock.wait(frame)
        lateness.add(host_ns() - clock.due_ns(frame))
    return lateness.statistics()


def bare_elsewhere(seconds: float) -> LoopStatistics:
    """Return the lateness of the bare loop in a process of its own: the floor beside what runs now."""
    here = str(Path(__file__).resolve().parent)
    code = (
        f"import pickle, sys; sys.path.insert(0, {here!r}); import bench_visualisation as bench; "
        f"sys.stdout.buffer.write(pickle.dumps(bench.bare({seconds!r})))"
    )
    found: LoopStatistics = pickle.loads(subprocess.check_output([sys.executable, "-c", code]))  # noqa: S301
    return found


def lateness(seconds: float, with_browser: bool) -> None:
    print(f"1 kHz wall-clock loop, {seconds:g} s each, in alternation ({load()})")
    medians: dict[str, list[float]] = {
        "bare": [],
        "no page": [],
        f"{PAGES} pages": [],
        f"{PAGES} in Chromium": [],
        "bare, beside": [],
    }
    for _ in range(3):
        found = {"bare": bare(seconds)}
        for name in tuple(medians)[1 : 4 if with_browser else 3]:
            with device() as (neurons, server):
                pages = (
                    nullcontext()
                    if name == "no page"
                    else browser(server, PAGES)
                    if "Chromium" in name
                    else clients(server, PAGES)
                )
                with pages:
                    loop = neurons.loop(1000, stop_after_seconds=seconds)
                    for _tick in loop:
                        pass
                    if "Chromium" in name:
                        found["bare, beside"] = bare_elsewhere(seconds)
            found[name] = loop.statistics()
        for name, figures in found.items():
            medians[name].append(figures.p99_us)
            print(f"  {name:<14} {figures}")
    for name, p99s in medians.items():
        if p99s:
            print(f"  median p99, {name:<14} {statistics.median(p99s):8.0f} µs")
    print(f"  ({load()})")


def thread_seconds(server: VisualiserServer) -> float:
    """Return the processor time of the server's thread."""
    with open(f"/proc/self/task/{server._thread.native_id}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(seconds: float) -> None:
    for pages in (1, PAGES):
        with device() as (_, server), clients(server, pages) as rates:
            before, begun = thread_seconds(server), time.perf_counter()
            time.sleep(seconds)
            used = (thread_seconds(server) - before) / (time.perf_counter() - begun)
        kilobytes = max(rates) / 1000
        print(f"server with {pages} page(s): {100 * used:.1f} % of a core, {kilobytes:.0f} KB/s to a page")


def opening() -> None:
    with cl.open():
        session = cl._current.devices.environments()
        assert session is not None
        spent = []
        for _ in range(20):
            begun = time.perf_counter()
            server = start_server(session.engine)
            spent.append(time.perf_counter() - begun)
            assert server is not None
            server.stop()
    print(f"starting the server: {1e3 * statistics.median(spent):.2f} ms (worst {1e3 * max(spent):.2f} ms)")


def first_page(rounds: int = 5) -> None:
    """Print the longest gap in a spinning thread while the first page of a process is opened."""
    # A fresh process each time: what takes long is the loading of modules.
    here = Path(__file__).resolve().parent
    program = "import bench_visualisation; bench_visualisation.gap()"
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"}
    gaps = []
    for _ in range(rounds):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        gaps.append([float(part) for part in done.stdout.split()])
    print(
        "longest gaps of a spinning thread, ms, median: "
        f"{statistics.median(a for a, _ in gaps):.1f} without, {statistics.median(b for _, b in gaps):.1f} "
        f"while the first page is opened ({load()})"
    )


def gap() -> None:
    def longest(seconds: float) -> float:
        clock = time.perf_counter
        last = begun = clock()
        most = 0.0
        while last - begun < seconds:
            now = clock()
            most = max(most, now - last)
            last = now
        return 1e3 * most

    with device() as (_, server):
        without = longest(1.0)
        url = server.url.replace("http:", "ws:") + "/ws"
        with subprocess.Popen([sys.executable, "-c", CLIENTS, url, "1"], stdout=subprocess.PIPE):
            print(without, longest(1.0))
            server.stop()


def budget(seconds: float) -> None:
    """Print how many pictures a second a page draws at 1000 spikes/s."""
    os.environ["CL_SDK_SPIKE_PERCENTILE"] = str(100 - 100 * 1000 / (25_000 * 59))
    with device() as (neurons, server):
        stop = threading.Event()

        def program() -> None:
            for tick in neurons.loop(200):
                if tick.iteration % 20 == 0:
                    neurons.stim(cl.ChannelSet(tick.iteration // 20 % 64), 1.0)
                if stop.is_set():
                    return

        thread = threading.Thread(target=program)
        thread.start()
        with browser(server, 1) as found:
            time.sleep(seconds)
        stop.set()
        thread.join()
    del os.environ["CL_SDK_SPIKE_PERCENTILE"]
    (figures,) = found
    print(
        f"page in headless Chromium, 1000 spikes/s: {figures['fps']:.0f} pictures a second, "
        f"{figures['cost']:.1f} ms each, {figures['bytesPerSecond'] / 1000:.0f} KB/s, "
        f"{figures['dropped']:.0f} frames missed ({load()})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=10.0)
    parser.add_argument("--browser", action="store_true")
    options = parser.parse_args()
    opening()
    first_page()
    share(options.seconds)
    if options.browser:
        budget(options.seconds)
    lateness(options.seconds, options.browser)


if __name__ == "__main__":
    main()

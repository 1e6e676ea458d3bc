"""What a page costs that comes through a notebook's kernel: a loop's lateness with it and without.

    python benchmarks/bench_relay.py [seconds] [rounds]

A kernel runs cells with a 1 kHz wall-clock loop, in its main thread. Meanwhile, in alternation, a frame is
shown or is not: this process plays it, over a subshell as JupyterLab does, with what the live page asks for
and a sign of life every 2 s, and reads all that the kernel sends.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time
from typing import Any

from jupyter_client.manager import start_new_kernel

TOPICS = [
    {"topic": "spikes", "since": 0},
    {"topic": "stims", "since": 0},
    {"topic": "overview", "since": 0},
    {"topic": "traces", "channels": [18, 27, 36, 45], "bin": 25, "since": 0},
    {"topic": "waveforms", "channel": 27, "since": 0},
    {"topic": "streams", "since": 0},
    {"topic": "status"},
]
PREPARE = """
import os
import cl
os.environ["CL_SDK_RANDOM_SEED"] = "7"
cl.visualisation.jupyter.show_activity()
with cl.open() as neurons:
    neurons.loop(1000, stop_after_seconds=1).run(lambda tick: None)
"""
LOOP = """
with cl.open() as neurons:
    neurons.loop(1000, stop_after_seconds=2).run(lambda tick: None)  # what is asked for of the past is sent
    loop = neurons.loop(1000, stop_after_seconds={seconds})
    loop.run(lambda tick: None)
found = loop.statistics()
print("FOUND", found.p50_us, found.p99_us, found.p999_us, found.max_us)
"""


class Notebook:
    """A kernel, and the frame that this process plays."""

    def __init__(self) -> None:
        environment = {**os.environ, "CL_SDK_VISUALISATION": "1"}
        self.manager, self.client = start_new_kernel(kernel_name="python3", env=environment)
        self.bytes = self.messages = 0
        self.comm = ""
        self.serial: int | None = None
        self._printed: list[str] = []
        self._idle: set[str] = set()
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.subshell = self._create_subshell()

    def _create_subshell(self) -> str:
        channel = self.client.control_channel
        channel.send(self.client.session.msg("create_subshell_request"))
        return str(channel.get_msg(timeout=30)["content"]["subshell_id"])

    def _read(self) -> None:
        while not self._over.is_set():
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except Exception:
                continue
            self._take(message["msg_type"], message["content"], message)

    def _take(self, kind: str, content: Any, message: Any) -> None:
        if kind == "comm_open" and "shown" in content["data"].get("state", {}):
            self.comm = content["comm_id"]
        elif kind == "comm_msg" and content["comm_id"] == self.comm:
            told = content["data"].get("content", {})
            self.serial = told.get("serial", self.serial)
            self.messages += 1
            self.bytes += sum(len(part) for part in message["buffers"]) + len(told.get("text", ""))
        elif kind == "stream":
            self._printed.append(content["text"])
        elif kind == "status" and content["execution_state"] == "idle":
            self._idle.add(message["parent_header"]["msg_id"])

    def say(self, **content: Any) -> None:
        """Say something in the frame's place."""
        data = {"method": "custom", "content": {"view": "bench", **content}}
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def run(self, code: str, shown: bool) -> list[float]:
        """Run a cell, and return what it has found."""
        self._printed.clear()
        request = self.client.execute(code)
        alive = time.monotonic()
        while request not in self._idle:
            time.sleep(0.05)
            if shown and time.monotonic() > alive:
                self.say(serial=self.serial, received=self.bytes)
                alive += 2
        text = "".join(self._printed)
        return [float(part) for part in text.partition("FOUND")[2].split()]

    def show(self) -> None:
        """Have the frame ask for what the page asks for."""
        self.say(open=[json.dumps({"type": "subscribe", **topic}) for topic in TOPICS])

    def close(self) -> None:
        """End the kernel."""
        self._over.set()
        self._reader.join()
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=10.0)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    options = parser.parse_args()
    notebook = Notebook()
    found: dict[str, list[list[float]]] = {"without": [], "with": []}
    try:
        notebook.run(PREPARE, False)
        print(
            f"1 kHz wall-clock loop in a kernel, {options.seconds:g} s each (load {os.getloadavg()[0]:.1f})"
        )
        for _ in range(options.rounds):
            for name in found:
                shown = name == "with"
                if shown:
                    notebook.show()
                before, begun = notebook.bytes, time.monotonic()
                figures = notebook.run(LOOP.format(seconds=options.seconds), shown)
                rate = (notebook.bytes - before) / (time.monotonic() - begun) / 1000
                if shown:
                    notebook.say(gone=True)
                found[name].append(figures)
                p50, p99, p999, most = figures
                late = f"p50 {p50:.0f}  p99 {p99:.0f}  p99.9 {p999:.0f}  max {most:.0f} µs"
                print(f"  {name:<8} {late}, {rate:.0f} KB/s")
    finally:
        notebook.close()
    medians = {name: statistics.median(figures[1] for figures in runs) for name, runs in found.items()}
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"median p99: {medians['without']:.0f} µs without, {medians['with']:.0f} µs with ({load})")


if __name__ == "__main__":
    main()

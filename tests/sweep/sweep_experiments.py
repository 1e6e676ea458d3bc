"""Experiments that sweeps in tests run: workers import this module."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cl

CALLS = 0


def dose(neurons: cl.Neurons, channel: int, current: float = 1.0) -> dict[str, Any]:
    """Record a stim and what follows it."""
    recording = neurons.record()
    stream = neurons.create_data_stream("phase")
    spikes: list[int] = []
    for tick in neurons.loop(100, stop_after_seconds=0.1):
        spikes += [spike.timestamp for spike in tick.analysis.spikes]
        if tick.iteration == 2:
            neurons.stim(channel, current)
            stream.append(neurons.timestamp(), {"given": current})
    recording.stop()
    counts = np.bincount(np.array(spikes, int) // 250, minlength=10)
    return {"spikes": len(spikes), "psth": counts, "of": {"drawn": random.random()}}


def several(neurons: cl.Neurons, how: str) -> Any:
    """Do what runs should not do, or come to a good end."""
    global CALLS
    CALLS += 1
    print("as told:", how, flush=True)
    acts: dict[str, Callable[[], Any]] = {
        "exit": lambda: os._exit(0),
        "hang": lambda: time.sleep(600),
        "memory": lambda: np.ones(1 << 31),
        "raise": lambda: 1 / 0,
        "json": lambda: {"psth": [1, 2, 3, {4}]},
        "object": lambda: {"deep": {"array": np.array([object()])}},
        "clash": lambda: {"how": 1},
        "leave": lambda: sys.exit("enough"),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "worker": _kill_the_worker,
        "retry": _fail_at_first,
        "good": lambda: {"calls": CALLS, "cwd": Path.cwd().name, "none": None, "nan": np.nan},
    }
    return acts[how]()


def _kill_the_worker() -> dict[str, Any]:
    """Kill the process that has been started for many runs, once."""
    if _is_first():
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return {"calls": CALLS}


def _fail_at_first() -> dict[str, Any]:
    if _is_first():
        raise RuntimeError("not yet")
    return {"calls": CALLS}


def _is_first() -> bool:
    marker = Path("../tried")
    first = not marker.exists()
    marker.touch()
    return first


def opens(open: Callable[..., Any], seconds: float) -> dict[str, Any]:
    """Open the device twice: it is the same run each time."""
    found = []
    for _ in range(2):
        with open() as neurons:
            found.append([s.timestamp for s in neurons.read(int(25_000 * seconds), analysis=True).spikes])
    return {"same": found[0] == found[1], "spikes": len(found[0])}


async def slept(neurons: cl.Neurons) -> dict[str, Any]:
    """Be async."""
    await neurons.asleep(0.5)
    await asyncio.sleep(0)
    return {"timestamp": neurons.timestamp()}


def slow(neurons: cl.Neurons, step: int) -> dict[str, Any]:
    """Take some time, so that a sweep can be interrupted, which comes before the last of them."""
    while step > 7 and not Path("../interrupted").exists():
        time.sleep(0.02)
    return {"done": step}


def parabola(neurons: cl.Neurons, x: float) -> dict[str, Any]:
    """Have a maximum at 2."""
    return {"score": -((x - 2.0) ** 2)}


def by_turns(neurons: cl.Neurons, step: int) -> dict[str, Any]:
    """Write down that it was made."""
    with Path("../made").open("a") as file:
        file.write(f"{step}\n")
    time.sleep(0.02)
    return {"pid": os.getpid(), "step_again": step}

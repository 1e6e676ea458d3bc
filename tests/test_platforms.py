"""What macOS and Windows lack is not needed: the package imports and runs where that is hidden.

It stands in for those systems, which are made ready for and not tested on. What the code tells by
`sys.platform` is not seen here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cl

_LINUX = (
    "eventfd eventfd_read eventfd_write timerfd_create timerfd_settime timerfd_settime_ns memfd_create "
    "pidfd_open sched_getaffinity sched_setaffinity posix_fallocate posix_fadvise"
)
_POSIX = (
    "fork forkpty register_at_fork getuid geteuid getgid getloadavg pread pwrite preadv pwritev statvfs "
    "fstatvfs mkfifo wait3 wait4 WNOHANG setsid killpg getpgid"
)
HIDDEN = {
    "macos": {"os": _LINUX, "select": "epoll", "modules": ""},
    "windows": {
        "os": f"{_LINUX} {_POSIX}",
        "select": "epoll poll",
        "signal": "SIGHUP SIGUSR1 SIGUSR2 SIGURG SIGKILL SIGSTOP SIGCONT SIGALRM setitimer pthread_kill "
        "pthread_sigmask siginterrupt alarm pause sigwait",
        "socket": "AF_UNIX SCM_RIGHTS send_fds recv_fds CMSG_SPACE CMSG_LEN SO_REUSEPORT SO_PEERCRED",
        "modules": "fcntl resource termios tty pwd grp pty",
    },
}
"""What is taken away: names of modules, and whole modules."""
NEEDS_LINUX = ("cl.hw", "cl.net.cl1_bridge")
"""The card's shared memory; and a program of its own, which has the vendor's `cl`."""
PROGRAM = """
import asyncio, importlib, json, pkgutil, socket, sys, time
import anyio, dotenv, h5py, msgpack, numpy, websockets, websockets.asyncio.server, websockets.sync.client
import argparse, concurrent.futures, http.server, logging, multiprocessing, shutil, subprocess, tempfile

hidden, skipped = json.loads(sys.argv[1]), tuple(sys.argv[2].split())
for name in hidden.pop("modules").split() + ["uvloop"]:
    sys.modules[name] = None
family = socket.AF_UNIX
for module, names in hidden.items():
    for name in names.split():
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)

import cl

imported, missing = 0, []
for found in pkgutil.walk_packages(cl.__path__, "cl.", onerror=lambda name: None):
    if found.name.startswith(skipped) or ".bundled." in found.name or found.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(found.name)
        imported += 1
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("cl", *hidden):
            raise
        missing.append(found.name)  # an optional part that is not installed

def loop(**options):
    simulator = cl.sim.Simulator(seed=1, visualisation=False, **options)
    with cl.open(device=simulator) as neurons:
        recording = neurons.record(stop_after_seconds=0.2)
        for tick in neurons.loop(ticks_per_second=100, stop_after_seconds=0.2):
            neurons.stim(8, 1.0)
        recording.wait_until_stopped()
    with recording.open() as view:
        return len(view.samples)

async def aloop(**options):
    simulator = cl.sim.Simulator(seed=1, visualisation=False, **options)
    async with cl.aopen(device=simulator) as neurons:
        return len([tick async for tick in neurons.aloop(ticks_per_second=100, stop_after_seconds=0.2)])

print(imported > 100, loop(accelerated=True), loop(accelerated=False))
socket.AF_UNIX = family  # what asyncio makes its pair of sockets of, on this system
print(asyncio.run(aloop(accelerated=True)), asyncio.run(aloop(accelerated=False)))
"""


@pytest.mark.parametrize("platform", HIDDEN)
def test_what_a_platform_lacks_is_not_needed(platform: str, tmp_path: Path) -> None:
    import json

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(HIDDEN[platform]), " ".join(NEEDS_LINUX)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(cl.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True 5000 5000", "20 20"]

"""LSL, in a network of its own: liblsl listens on all interfaces, and sends multicasts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extras import need_extra

import cl
from cl.recording import RecordingView

need_extra("lsl", "pylsl")

ROOT = Path(cl.__file__).parents[1]
PAGE = ROOT / "docs" / "streaming.md"
WORLD = Path(__file__).with_name("lsl_world.py")
PATIENCE = 60
CONFIG = "[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n"
APART = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
SECOND = 25_000


def run_apart(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Python in a network namespace with a loopback and nothing else; return what it printed."""
    (folder / "lsl_api.cfg").write_text(CONFIG)
    path = os.pathsep.join([str(ROOT), *sys.path[1:2]])
    done = subprocess.run(
        [*APART, sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, "LSLAPICFG": str(folder / "lsl_api.cfg"), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def need_apart() -> None:
    """Skip where there can be no network namespace, unless extras and devices are required."""
    can = all(map(shutil.which, ("unshare", "ip"))) and not subprocess.call(
        [*APART, "true"], stderr=subprocess.DEVNULL
    )
    if can:
        return
    reason = "LSL is tested in a network namespace of its own, which cannot be made here (unshare -n)"
    if "1" in (os.environ.get("CL_REQUIRE_EXTRAS"), os.environ.get("CL_REQUIRE_DEVICE")):
        pytest.fail(f"required, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run: an emulator, a program with an outlet that records, another with inlets."""
    need_apart()
    if not sys.platform.startswith("linux"):
        pytest.skip("devices are on Linux only")
    folder = tmp_path_factory.mktemp("lsl")
    run_apart(folder, str(WORLD), str(folder), CL_SDK_VISUALISATION="0")
    return folder


@pytest.fixture(scope="module")
def found(world: Path) -> dict[str, Any]:
    return json.loads((world / "found.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def recorded(world: Path) -> dict[str, Any]:
    """Return what the recording has: spikes and stims by device time, samples, entries, the host's clock."""
    told = json.loads((world / "recorded.json").read_text())
    with RecordingView(told["path"]) as view:
        start = view.attributes["start_timestamp"]
        events = [
            sorted(
                (int(at) + start, int(channel))
                for at, channel in zip(*table.times_and_channels(), strict=True)
            )
            for table in (view.spikes, view.stims)
        ]
        clock = view.clock[:]
        return {
            **told,
            "spikes": events[0],
            "stims": events[1],
            "start": start,
            "stop": view.attributes["end_timestamp"],
            "samples": view.samples[:],
            "words": [(int(at), value) for at, value in view.data_streams["words"].items()],
            "moment": (int(clock["timestamp"][0]), int(clock["monotonic_ns"][0])),
        }


def moment_of(recorded: dict[str, Any], timestamp: int) -> float:
    """Return the recorded time of a frame of the recording, in seconds of the host's clock and LSL's."""
    at, ns = recorded["moment"]
    return (ns + (timestamp - at) * 40_000) * 1e-9


@pytest.mark.parametrize("kind", ["spikes", "stims"])
def test_an_inlet_gets_every_event_of_a_recording(
    kind: str, found: dict[str, Any], recorded: dict[str, Any]
) -> None:
    window = range(recorded["start"], recorded["stop"])
    got = sorted((int(s[0]), int(s[1])) for _, s in found[kind] if int(s[0]) in window)
    assert got == recorded[kind]
    assert got
    for stamp, sample in found[kind]:
        assert stamp == pytest.approx(moment_of(recorded, int(sample[0]) - recorded["start"]), abs=0.001)
    numbers = [int(sample[2]) for _, sample in found[kind]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert recorded["missed"] == 0


def test_stims_have_their_designs(found: dict[str, Any]) -> None:
    assert [sample[3:] for _, sample in found["stims"]] == [[2, 340, -1]]


def test_samples_are_those_of_the_recording(world: Path, recorded: dict[str, Any]) -> None:
    with np.load(world / "samples.npz") as got:
        stamps, samples = got["stamps"], np.rint(got["samples"] / 0.195).astype(np.int16)
    first = moment_of(recorded, 0)
    at = int(np.argmin(np.abs(stamps - first)))
    near = range(max(at - 25, 0), at + 26)
    length = len(recorded["samples"])
    places = [p for p in near if np.array_equal(samples[p : p + length], recorded["samples"])]
    assert len(places) == 1, "within 1 ms of where its stamps say"


def test_markers_land_where_they_belong(found: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert [value["value"] for _, value in recorded["words"]] == [f"märk {n}" for n in range(1, 6)]
    for (at, value), sent in zip(recorded["words"], found["marks"], strict=True):
        assert value["lsl_time"] == pytest.approx(sent, abs=0.005)
        assert moment_of(recorded, at) == pytest.approx(sent, abs=0.005)


def test_streams_are_described(found: dict[str, Any]) -> None:
    spikes, stims, samples = found["descriptions"]
    assert re.findall(r"<label>(\w+)</label>\s*<unit>", spikes) == ["timestamp", "channel", "number"]
    for text in (spikes, stims, samples):
        assert "<synchronization>" in text
        assert re.search(
            r"<label>ch17</label>\s*<role>electrode</role>\s*<location>\s*<X>0.4</X>\s*<Y>0.2</Y>", text
        )
    assert "<unit>microamps</unit>" in stims
    assert samples.count("<unit>microvolts</unit>") == 64


def test_a_stalled_inlet_leaves_memory_flat_and_sees_the_gap(tmp_path: Path) -> None:
    need_apart()
    run_apart(tmp_path, str(WORLD), "stalled", str(tmp_path), CL_SDK_VISUALISATION="0")
    found = json.loads((tmp_path / "stalled.json").read_text())
    assert found["grown"] < 2_000, "KB for 60 000 spikes"
    numbers = found["numbers"]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 79_999
    assert len(numbers) < 79_999, "the gap shows"


def test_accelerated_time_has_no_clock(accelerated: None) -> None:
    from cl.interop.lsl import Markers, Outlet

    with cl.open() as neurons:
        for make in (lambda: Outlet(neurons), lambda: Markers(neurons, "marks")):
            with pytest.raises(RuntimeError, match="accelerated time"):
                make()


def test_the_pages_command(tmp_path: Path) -> None:
    need_apart()
    lines = re.findall(r"^python (-m cl stream --lsl.*)$", PAGE.read_text(encoding="utf-8"), re.M)
    assert len(lines) == 1
    run_apart(tmp_path, *lines[0].split(), CL_SDK_VISUALISATION="0")
    (path,) = (tmp_path / "recordings").glob("*.h5")
    with RecordingView(path) as view:
        assert list(view.data_streams) == ["marks"]
        assert view.attributes["duration_frames"] > SECOND // 2


def test_the_pages_program(tmp_path: Path) -> None:
    need_apart()
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    (program,) = (block for block in blocks if "interop.lsl" in block)
    (tmp_path / "program.py").write_text(program)
    assert "missed=0" in run_apart(tmp_path, "program.py", CL_SDK_VISUALISATION="0")

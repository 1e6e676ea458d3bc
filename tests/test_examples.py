"""Every example runs, as a user would start it, in accelerated time and with warnings as errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from extras import need_extra

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

ARGUMENTS: dict[str, list[str]] = {
    "cartpole_neurons.py": ["--episodes", "1", "--size", "60"],
    "closed_loop.py": ["--seconds", "3"],
    "evolve_stimulation.py": ["--generations", "1", "--pulses", "2", "--size", "60", "--plot", "curve.png"],
    "sweep_dose.py": ["--cultures", "1", "--seconds", "1", "--size", "60", "--workers", "1"],
    "sweep_optuna.py": ["--trials", "3", "--size", "60"],
}
"""What an example is started with, where its defaults would take too long."""
SAYS: dict[str, list[str]] = {
    "across_the_network.py": [
        "simulator cl1-sdk-000",
        "off by [0] frames",
        "frames, 0 lost",
        "a command of a task",
    ],
    "cartpole_neurons.py": ["feedback stimulus", "feedback silent", "feedback none", "pushed at random"],
    "closed_loop.py": ["Recording to", "3 s", "Summary", "ticks             3000", "real-time factor", "p99"],
    "closed_loop_async.py": ["3.0 s", "controller: 3000 ticks", "done:"],
    "culture_closed_loop.py": ["before", "quiet", "pulses", "after", "multiplied the firing rate by"],
    "custom_source.py": [
        "20 spikes on channel 12 were answered with a pulse on channel 34",
        "20 pulses were answered with a spike 3 ms later",
    ],
    "data_stream.py": [
        "{'score': 2, 'another_attribute': [0, 1, 2, 3], 'new_attribute': 9.9}",
        "0 {'arbitrary': 'data'}\n1 ['of', 'arbitrary', 'size']\n2 and type.\n3 [18446744073709551615 ",
    ],
    "device_or_simulator.py": ["simulator cl1-sdk-000", "spikes on", "recorded: 25000 frames"],
    "detect_spikes.py": ["Spike(timestamp="],
    "event_streams.py": [
        "spike on channel 8 at 2744: pulse on channel 40",
        "rates at 6250: 88",
        "in 2 s: {'Spike': 156, 'Stim': 9, 'StreamEntry': 7}, missed: 0",
        "frames before 25000: (5000, 64)",
    ],
    "evolve_stimulation.py": ["generation  1:", "shares drawn at random:", "most goes to channel"],
    "isi_encoder.py": ["delivered 10 pulses in 250 ms"],
    "jitter_detection.py": ["Done"],
    "jitter_recovery.py": ["NORMAL TICK: tick.iteration=9"],
    "live_source.py": ["10 of 10 pulses were answered", "the device has closed, and the task was cancelled"],
    "load_recording.py": [
        "Array(shape=(50000, 64), dtype=int16)",
        "Detected spikes: 156",
        "On channels 8 and 9 in the first second: 5",
        "250 {'spikes': 1}",
    ],
    "react_to_spikes.py": ["Stim(timestamp="],
    "record_and_analyse.py": [
        "the loop saw 11 bursts and 6660 spikes\nthe file has 11 bursts of 195 ms",
        "11 pulses: 0.2 Hz before, at most 20.2 Hz, 80 ms after them",
        "649 avalanches, branching ratio 0.96",
    ],
    "record.py": ["_recording.h5: stopped"],
    "record_from_the_past.py": ["3.0 s in 20", "_event.h5", "152 spikes before the event, 69 after it"],
    "stim.py": ["84 pulses", "Stim(timestamp=2, channel=20)"],
    "stim_plan.py": ["160 pulses", "Stim(timestamp=2, channel=2)"],
    "stim_values.py": [
        "ChannelSet(8, 9, 10)",
        "StimDesign(160, -1.0, 160, 1.0, 160, -1.0)",
        "BurstDesign(10, 150)",
    ],
    "two_cultures.py": [
        "left: 2328 spikes, which gave 31 pulses to the other one",
        "[(2750, 'right'), (3000, 'left'), (3000, 'right'), (3250, 'left'), (3250, 'right')]",
    ],
    "sweep_dose.py": ["current_uA frequency_Hz", "6 runs, 6 recordings and answers.png in"],
    "sweep_optuna.py": ["3 runs; the best pulse gave", "spikes per nC: {'current_uA':"],
    "synchronised_groups.py": ["run 1: [2, 502, 1002, 1502]", "run 2: [2, 502, 1002, 1502]"],
}
"""What its output must hold."""
ON_THEIR_OWN: dict[str, str] = {
    "test_controller_example.py": "tests/testing/test_testing_example.py",
    "web_service.py": "tests/aio/test_aio_web_service.py",
}
"""Examples that another test file runs, since they need a partner."""
NEEDS: dict[str, tuple[str, ...]] = {
    "cartpole_neurons.py": ("gym", "gymnasium"),
    "evolve_stimulation.py": ("gym", "gymnasium", "matplotlib"),
    "record_and_analyse.py": ("analysis", "pydantic", "scipy", "matplotlib"),
    "sweep_dose.py": ("sweep", "pandas", "matplotlib"),
    "sweep_optuna.py": ("test-all", "optuna"),
}
"""The extra and the modules that an example needs."""
RUN_HERE = sorted(path for path in EXAMPLES.glob("*.py") if path.name not in ON_THEIR_OWN)


def run(path: Path, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(path), *arguments]
    environ = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLES.parent),
        "CL_SDK_ACCELERATED_TIME": "1",
        "CL_SDK_RANDOM_SEED": "7",
        **environment,
    }
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environ, timeout=100)


@pytest.mark.parametrize("path", RUN_HERE, ids=lambda p: p.name)
def test_the_example_runs(path: Path, tmp_path: Path) -> None:
    if path.name in NEEDS:
        need_extra(*NEEDS[path.name])
    found = run(path, tmp_path, *ARGUMENTS.get(path.name, []))
    assert found.returncode == 0, found.stderr
    for text in SAYS[path.name]:
        assert text in found.stdout


def test_the_loop_changes_what_the_culture_does(tmp_path: Path) -> None:
    found = run(EXAMPLES / "culture_closed_loop.py", tmp_path, "--seconds", "8")
    assert found.returncode == 0, found.stderr
    rates = {line.split()[0]: float(line.split()[1]) for line in found.stdout.splitlines()[:3]}
    assert rates["during"] > 1.5 * max(rates["before"], rates["after"])


def test_jitter_recovery_in_real_time(tmp_path: Path) -> None:
    found = run(EXAMPLES / "jitter_recovery.py", tmp_path, CL_SDK_ACCELERATED_TIME="0")
    assert found.returncode == 0, found.stderr
    lines = [line.split(" at ")[0] for line in found.stdout.splitlines()]
    assert lines[:3] == [
        "NORMAL TICK: tick.iteration=0",
        "NORMAL TICK: tick.iteration=1",
        "RECOVERING FROM JITTER: tick.iteration=2",
    ]
    assert [int(line.split("=")[1]) for line in lines] == list(range(10))


def test_event_streams_end_in_real_time(tmp_path: Path) -> None:
    found = run(EXAMPLES / "event_streams.py", tmp_path, CL_SDK_ACCELERATED_TIME="0")
    assert found.returncode == 0, found.stderr
    assert "in 2 s: {" in found.stdout
    ends = [
        int(line.split()[2].rstrip(":")) for line in found.stdout.splitlines() if line.startswith("frames")
    ]
    assert ends[:5] == [5000, 10000, 15000, 20000, 25000]


def test_jitter_detection_raises_when_asked_to(tmp_path: Path) -> None:
    environment = {"CL_SDK_ACCELERATED_TIME": "0", "CL_SDK_JITTER_DETECTION": "1"}
    found = run(EXAMPLES / "jitter_detection.py", tmp_path, **environment)
    assert found.returncode == 1
    assert "TimeoutError: Loop fell behind by" in found.stderr

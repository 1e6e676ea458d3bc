"""Every call of the system that the driver takes fails once."""

from __future__ import annotations

from pathlib import Path

import pytest
from failing_calls import TIMEOUT, Trial, fails_in_turn
from hw_tools import PatientEmulator

import cl

pytestmark = pytest.mark.timeout(TIMEOUT)


def test_driving_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver, in this process; the emulator plays its far side in another one."""
    with PatientEmulator() as emulator:
        monkeypatch.setenv("CL_DEVICE", emulator.address)

        def program(paths: list[Path]) -> None:
            with cl.open() as neurons:
                recording = neurons.record(include_raw_samples=False)
                paths.append(Path(recording.file["path"]))
                for _ in neurons.loop(1_000, stop_after_ticks=2, ignore_jitter=True):
                    neurons.stim(9, 1.0)
                recording.stop()

        def check(trial: Trial) -> None:
            for path in trial.paths:
                with cl.RecordingView(path) as view:
                    assert view.attributes["duration_frames"] >= 0
                path.unlink()

        failed, raised = fails_in_turn(program, check)
        assert failed > 40 and raised > 20
        with cl.open() as neurons:
            neurons.stim(9, 1.0)

"""Interruptions at random instants of opening, looping, stimulating, recording and closing, on a device."""

from __future__ import annotations

import pytest
from fuzzing import interrupt_at_random
from hw_tools import PatientEmulator

from cl.hw.driver.report import report

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.timeout(3_600)
def test_whatever_is_interrupted_a_full_run_follows() -> None:
    with PatientEmulator("--source", "counter") as emulator:
        assert interrupt_at_random(emulator.address, seed=5) > 0
        assert report(emulator.address).owner == 0

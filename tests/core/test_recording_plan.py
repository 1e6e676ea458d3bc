"""A request to record, as one value."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cl._core.device import DeviceInfo
from cl._recording.plan import RecordingPlan
from cl._recording.user_attributes import UserAttributes

INFO = DeviceInfo(
    name="a dish",
    start_timestamp=0,
    uV_per_sample_unit=0.25,
    is_simulator=False,
    detects_jitter=True,
    attributes={"hostname": "bench-1", "project_id": 7, "chip_id": "c"},
)


def plan(**changes: Any) -> RecordingPlan:
    given: dict[str, Any] = {
        "begin": 100,
        "end": None,
        "folder": None,
        "suffix": "recording",
        "application": UserAttributes({"subject": "dish 7"}),
        "spikes": True,
        "stims": False,
        "samples": True,
        "wanted": None,
    }
    return RecordingPlan(**given | changes)


def test_a_plan_stays_as_it_is() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan().end = 5  # type: ignore[misc]


def test_the_header_follows_from_the_plan_and_the_device() -> None:
    header = plan().header(INFO, has_clock=True)
    assert (header.start_timestamp, header.uV_per_sample_unit, header.file_version) == (100, 0.25, "1")
    assert header.system == {"hostname": "bench-1", "project_id": "7", "cell_batch_id": ""}
    assert header.application == {"subject": "dish 7"} and header.simulation is None
    assert header.include_spikes and header.include_raw_samples and header.include_clock
    assert not header.include_stims and not header.include_data_streams
    simulator = dataclasses.replace(INFO, is_simulator=True, simulation={"seed": 7})
    header = plan(wanted=lambda name: True).header(simulator, has_clock=False)
    assert (header.file_version, header.simulation) == ("SDK", {"seed": 7})
    assert header.include_data_streams and not header.include_clock


def test_streams_are_chosen_by_name() -> None:
    assert not plan().wants("game")
    assert plan(wanted="game".__eq__).wants("game")
    assert not plan(wanted="game".__eq__).wants("other")

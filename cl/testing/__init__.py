"""Testing programs for the device: exact, seeded, in accelerated time.

`Simulator` opens a simulator that nothing in the environment changes; `ScriptedSource` lets it play given
spikes; `assert_identical_runs` runs a program twice and compares everything; `replay` holds a controller
against a recording; `check_data_source` and `check_device` are the checks that our own sources and devices
pass, for those that others write. As a pytest plugin (`cl.testing.plugin`, found by itself once the package
is installed) there are the fixtures `neurons`, `aneurons` and `recording_dir` and the marker `cl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from .checks.device_checks import check_device
    from .checks.report import CheckFailedError, CheckReport, Finding
    from .checks.source_checks import check_data_source
    from .commands import CommandDifference
    from .identical import assert_identical_runs
    from .opening import Simulator
    from .replaying import Difference, ReplayReport, replay
    from .scripted import ScriptedSource

_LAZY = {
    "CheckFailedError": ".checks.report",
    "CheckReport": ".checks.report",
    "CommandDifference": ".commands",
    "Difference": ".replaying",
    "Finding": ".checks.report",
    "ReplayReport": ".replaying",
    "ScriptedSource": ".scripted",
    "Simulator": ".opening",
    "assert_identical_runs": ".identical",
    "check_data_source": ".checks.source_checks",
    "check_device": ".checks.device_checks",
    "replay": ".replaying",
}

__all__ = [
    "CheckFailedError",
    "CheckReport",
    "CommandDifference",
    "Difference",
    "Finding",
    "ReplayReport",
    "ScriptedSource",
    "Simulator",
    "assert_identical_runs",
    "check_data_source",
    "check_device",
    "replay",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)

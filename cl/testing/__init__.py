"""Testing programs for the device: exact, seeded, in accelerated time.

`Simulator` opens a simulator that nothing in the environment changes; `ScriptedSource` lets it play given
spikes; `assert_identical_runs` runs a program twice and compares everything; `replay` holds a controller
against a recording. As a pytest plugin (`cl.testing.plugin`, found by itself once the package is installed)
there are the fixtures `neurons`, `aneurons` and `recording_dir` and the marker `cl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from .identical import assert_identical_runs
    from .opening import Simulator
    from .replaying import Difference, ReplayReport, replay
    from .scripted import ScriptedSource

_LAZY = {
    "Difference": ".replaying",
    "ReplayReport": ".replaying",
    "ScriptedSource": ".scripted",
    "Simulator": ".opening",
    "assert_identical_runs": ".identical",
    "replay": ".replaying",
}

__all__ = [
    "Difference",
    "ReplayReport",
    "ScriptedSource",
    "Simulator",
    "assert_identical_runs",
    "replay",
]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)

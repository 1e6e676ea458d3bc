"""Which tests one of several processes gets as a whole.

The groups of pytest-xdist are no help: 3.8 keeps them where pytest 9.2 does not look, and says nothing.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    "libraries": ("analysis", "interop", "dropin"),
    "devices": (
        "hw",
        "net",
        "test_contract_device",
        "test_contract_budgets",
        "test_contract_device_pulses",
        "test_contract_log",
        "test_contract_watchdog",
        "test_contract_long_plans",
        "test_contract_wall_clock",
        "test_aio_web_service",
        "test_interop_bridges",
        "test_interop_lsl",
        "test_testing_checks",
    ),
    "browsers": ("visualisation",),
    "notebooks": ("test_notebooks",),
    "sweeps that are compared": ("test_sweep_identical",),
    "five devices": ("test_contract_devices",),
    "determinism": ("test_aio_determinism",),
    "global state": ("test_contract_global_state",),
    "trials of a culture": ("test_contract_culture",),
    "activity of a culture": ("test_culture_activity",),
}
"""Folders and modules whose tests have bounds in the host's time or several processes each, or load what is
large, or share what takes long to make. A module's own group counts, not that of its folder."""
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}


def group_of(nodeid: str) -> str:
    """Return the group of a test; most are one of their own."""
    path = PurePosixPath(nodeid.split("::")[0])
    return _GROUP_OF.get(path.stem) or _GROUP_OF.get(path.parent.name) or nodeid


class InGroups(LoadScopeScheduling):
    """Groups first, those with the most tests before the others; then the rest, one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

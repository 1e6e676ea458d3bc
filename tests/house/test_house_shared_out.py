"""Several processes share the tests so that what belongs together stays together."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from shared_out import GROUPS, group_of

TESTS = Path(__file__).resolve().parents[1]


def test_what_is_grouped_is_there() -> None:
    found = {path.stem for path in TESTS.rglob("test_*.py")} | {path.name for path in TESTS.iterdir()}
    names = [name for names in GROUPS.values() for name in names]
    assert set(names) <= found and len(names) == len({*names}) >= 15


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/net/test_net_links.py::test_a[x/y::z-1]", "devices"),
        ("tests/interop/test_interop_lsl.py::test_a", "devices"),
        ("tests/interop/test_interop_nwb.py::test_a", "libraries"),
        ("tests/core/test_engine.py::test_a[1]", "tests/core/test_engine.py::test_a[1]"),
    ],
)
def test_a_module_counts_before_its_folder(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


class Process:
    """One of those that share the tests, as pytest-xdist sees it."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.waiting: list[int] = []
        self.done: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.waiting += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def test_one_process_has_all_of_a_group(pytestconfig: pytest.Config) -> None:
    """The scheduler is the one that a run of several processes asks for."""
    modules = {"core/test_a": 90, "net/test_net_links": 40, "hw/test_b": 30, "visualisation/test_c": 20}
    ids = [f"tests/{module}.py::test_{i}" for module, count in modules.items() for i in range(count)]
    options = SimpleNamespace(
        getvalue={"dist": "loadgroup", "tx": ["2*popen"]}.__getitem__,
        option=SimpleNamespace(loadscopereorder=True),
    )
    processes = [Process("a"), Process("b")]
    scheduler = pytestconfig.hook.pytest_xdist_make_scheduler(config=options, log=None)
    for process in processes:
        scheduler.add_node(process)
        scheduler.add_node_collection(process, ids)
    scheduler.schedule()
    while any(process.waiting for process in processes):
        for process in processes:
            if process.waiting:
                process.done.append(process.waiting.pop(0))
                scheduler.mark_test_complete(process, process.done[-1])
    assert sorted(i for process in processes for i in process.done) == [*range(180)]
    first, second = ({group_of(ids[i]) for i in process.done} for process in processes)
    assert first & second == set() and {"devices", "browsers"} <= first | second
    assert min(len(process.done) for process in processes) > 60

"""Opens of several devices, in any order, in threads, failing and forked, against a table of what is open."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from forking import in_fork
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, initialize, invariant, multiple, rule
from machines import TIMEOUT, Machine
from source_tools import Source

import cl
import cl._session.opening
from cl.error import DeviceDisconnectedError
from cl.sim import DataSourceBatch, Simulator

DEVICES = 3
"""The environment's, and two that are values."""


class Faulty(Source):
    """Fails when it is told to."""

    fails = False

    def __init__(self) -> None:
        super().__init__(read_timeout_seconds=None, reactive=True)

    def read(self, from_timestamp: int, frame_count: int) -> DataSourceBatch:
        if self.fails:
            raise OSError("the cable was pulled")
        return super().read(from_timestamp, frame_count)


@dataclass(eq=False)
class Open:
    """A block that was entered."""

    context: AbstractContextManager[cl.Neurons]
    neurons: cl.Neurons
    device: int
    control: bool
    thread: ThreadPoolExecutor | None
    outermost: bool


class Sessions(Machine):
    """Blocks are left in any order; the outermost of a device takes it with it."""

    opens = Bundle("opens")

    @initialize()
    def begin(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setenv("CL_SDK_ACCELERATED_TIME", "1")
        self._patch.setenv("CL_SDK_RANDOM_SEED", "7")
        self._values: list[Simulator | None] = [None, Simulator(Faulty, accelerated=True)]
        self._values.append(Simulator(Faulty, accelerated=True))
        self._table: dict[int, list[Open]] = {device: [] for device in range(DEVICES)}
        self._failed: set[int] = set()
        self._entered: list[Open] = []

    @rule(target=opens, device=st.integers(0, DEVICES - 1), control=st.booleans(), in_thread=st.booleans())
    def open(self, device: int, control: bool, in_thread: bool) -> Any:
        if control and device in self._failed:
            with pytest.raises(DeviceDisconnectedError, match="cable was pulled"):
                cl.open(device=self._values[device]).__enter__()
            return multiple()
        context = cl.open(take_control=control, device=self._values[device])
        thread = ThreadPoolExecutor(1, "opens") if in_thread else None
        enter: Any = context.__enter__
        opens = self._table[device]
        neurons = enter() if thread is None else thread.submit(enter).result()
        assert all(other.neurons is neurons for other in opens)
        assert not any(
            other.neurons is neurons for d, others in self._table.items() if d != device for other in others
        )
        opened = Open(context, neurons, device, control, thread, not opens)
        opens.append(opened)
        self._entered.append(opened)
        self.count("opens")
        self.count("nested" if len(opens) > 1 else "devices")
        return opened

    @rule(opened=consumes(opens))
    def leave(self, opened: Open) -> None:
        self._leave(opened)
        self.count("left")

    def _leave(self, opened: Open) -> None:
        opens = self._table[opened.device]
        self._entered.remove(opened)
        leave: Any = opened.context.__exit__
        if opened.thread is None:
            leave(None, None, None)
        else:
            with opened.thread:
                opened.thread.submit(leave, None, None, None).result()
        if opened not in opens:
            return  # The outermost was left before.
        opens.remove(opened)
        if opened.outermost:
            opens.clear()
            self._failed.discard(opened.device)
            with pytest.raises(RuntimeError, match="closed|cable was pulled"):
                opened.neurons.read(1)

    @rule(opened=opens, frames=st.integers(1, 300))
    def use(self, opened: Open, frames: int) -> None:
        device = opened.device
        if not self._table[device]:
            return
        neurons = self._table[device][0].neurons
        if device in self._failed:
            with pytest.raises(RuntimeError):
                neurons.read(frames)
            return
        before = neurons.timestamp()
        assert neurons.read(frames).shape == (frames, 64)
        assert neurons.timestamp() == before + frames
        self.count("uses")

    @rule(opened=opens)
    def fail(self, opened: Open) -> None:
        """The source of a device fails: it stays open, and every use says so."""
        device = opened.device
        if not self._table[device] or device in (0, *self._failed):
            return
        self._patch.setattr(Faulty, "fails", True)
        with pytest.raises(Exception, match="cable was pulled"):
            self._table[device][0].neurons.read(1)
        self._patch.setattr(Faulty, "fails", False)
        self._failed.add(device)
        self.count("failures")

    @rule(opened=opens)
    def fork(self, opened: Open) -> None:
        """A fork has none of the devices, and the parent has them still."""
        device = opened.device
        if not self._table[device] or type(self).counts["forks"] > 8:
            return
        neurons = self._table[device][0].neurons

        def child() -> tuple[str, bool]:
            try:
                neurons.read(1)
            except RuntimeError as error:
                return str(error), cl._session.opening.is_open()
            return "it can be used", True

        said, is_open = in_fork(child)
        assert "belongs to process" in said and not is_open
        self.count("forks")

    @invariant()
    def everything_is_as_in_the_table(self) -> None:
        if not hasattr(self, "_table"):
            return
        assert cl._session.opening.is_open() == any(self._table.values())
        controlled = any(opened.control for opens in self._table.values() for opened in opens)
        assert gc.isenabled() == (not controlled)
        for opens in self._table.values():
            for opened in opens[:1]:
                assert opened.neurons.has_control() == any(other.control for other in opens)

    def teardown(self) -> None:
        if not hasattr(self, "_table"):
            return
        try:
            while self._entered:
                self._leave(self._entered[0])
            assert not cl._session.opening.is_open() and gc.isenabled()
            assert not [t for t in threading.enumerate() if t.name.startswith("cl-") and t.name != "cl-call"]
        finally:
            self._patch.undo()
        self.count("runs")


@pytest.mark.timeout(TIMEOUT)
def test_sessions() -> None:
    counts = Sessions.try_out(examples=25, steps=16)
    assert counts["runs"] >= 25 and counts["nested"] > 10 and counts["left"] > 20
    assert counts["failures"] and counts["forks"] and counts["uses"]

"""Budgets of stimulation, on both kinds of device."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from test_contract_device import KINDS, emulators

import cl
from cl import BurstDesign, ChannelSet, StimDesign
from cl._core.device import EventHistory
from cl.error import StimBudgetExceeded, TransactionRejected
from cl.testing import Simulator

PULSE = StimDesign(160, -1.0, 160, 1.0)
UNBALANCED = StimDesign(160, -1.0, 160, 0.5)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    yield from emulators()


@pytest.fixture(params=KINDS)
def device(request: pytest.FixtureRequest, address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "emulator":
        monkeypatch.setenv("CL_DEVICE", address)
    elif request.param == "simulator":
        monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    return str(request.param)


def test_what_exceeds_a_budget_is_refused_whole(device: str) -> None:
    with cl.open() as neurons:
        recording = neurons.record(include_raw_samples=False)
        neurons.set_stim_budget(ChannelSet(9, 10), max_rate_hz=1, window_seconds=5)
        for _ in neurons.loop(20, stop_after_ticks=5, ignore_jitter=True):
            neurons.stim(9, PULSE)
        with pytest.raises(StimBudgetExceeded, match=r"channel 9 would get 1.2 Hz in 5 s; .*max_rate_hz=1"):
            neurons.stim(ChannelSet(8, 9), PULSE)
        with pytest.raises(TransactionRejected):
            neurons.stim(10, PULSE, BurstDesign(6, 20))
        neurons.stim(10, PULSE, BurstDesign(5, 10))
        plan = neurons.create_stim_plan()
        plan.stim(8, PULSE)
        plan.stim(10, PULSE, BurstDesign(3, 100))
        with pytest.raises(StimBudgetExceeded) as refusal:
            plan.run(neurons.timestamp() + 13_000)
        assert (refusal.value.channel, refusal.value.limit_name) == (10, "max_rate_hz")
        assert refusal.value.limit == 1 and refusal.value.figure > 1
        plan.run(later := neurons.timestamp() + 160_000)
        with pytest.raises(StimBudgetExceeded):
            plan.run(later)
        neurons.interrupt(ChannelSet(8, 10))
        plan.run(later)
        neurons.set_stim_budget(ChannelSet(9, 10))
        neurons.stim(9, PULSE, BurstDesign(3, 200))
        neurons.read(2_000)
        recording.stop()
    with recording.open() as view:
        assert view.stims is not None and view.log is not None
        assert (view.stims.col("channel") == 9).sum() == 8
        assert (view.stims.col("channel") == 8).sum() == 0
        log = list(view.log.entries())
    told = [entry.text for entry in log if entry.kind == "refusal"]
    assert told[0].startswith("StimBudgetExceeded: channel 9 would get 1.2 Hz")
    assert [entry.text for entry in log if "budget:" in entry.text][-1] == "the program's budget: none"


def test_charges_have_budgets() -> None:
    with Simulator(seed=1) as neurons:
        neurons.set_stim_budget(9, max_charge_nC_per_s=3.2, max_net_charge_nC=0.16, window_seconds=2)
        for _ in neurons.loop(100, stop_after_ticks=20):
            neurons.stim(9, PULSE)
        with pytest.raises(StimBudgetExceeded, match="would get 3.36 nC/s in 2 s; .*max_charge_nC_per_s=3.2"):
            neurons.stim(9, PULSE)
        neurons.read(60_000)
        neurons.stim(9, UNBALANCED)
        neurons.stim(9, UNBALANCED)
        with pytest.raises(StimBudgetExceeded, match="would get 0.24 nC in 2 s; .*max_net_charge_nC=0.16"):
            neurons.stim(9, UNBALANCED)


def test_a_budget_of_a_longer_window_counts_what_came_before() -> None:
    with Simulator(seed=1) as neurons:
        neurons.set_stim_budget(9, max_rate_hz=1000, window_seconds=0.1)
        neurons.stim(9, PULSE, BurstDesign(1_050, 200))  # over after 5.25 s
        neurons.read(150_000)
        neurons.set_stim_budget(9, max_rate_hz=100, window_seconds=4)  # 3.25 s have 650 pulses
        with pytest.raises(StimBudgetExceeded, match=r"would get 162\.75 Hz in 4 s"):
            neurons.stim(9, PULSE)


def test_pulses_that_an_interruption_has_kept_from_being_logged_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Simulator(seed=1) as neurons:
        neurons.set_stim_budget(9, max_rate_hz=10)
        neurons.stim(9, PULSE)
        neurons.read(1_000)
        neurons.stim(9, PULSE, BurstDesign(7, 200))
        add_stims = EventHistory.add_stims

        def interrupted(*arguments: Any) -> None:
            monkeypatch.setattr(EventHistory, "add_stims", add_stims)
            raise KeyboardInterrupt

        monkeypatch.setattr(EventHistory, "add_stims", interrupted)
        with pytest.raises(KeyboardInterrupt):
            neurons.read(6_000)
        given = 8
        for _ in range(20):
            with suppress(StimBudgetExceeded):
                neurons.stim(9, PULSE)
                given += 1
            neurons.read(150)
        assert given == 10


def test_code_that_has_interrupted_a_call_sets_no_budget() -> None:
    """It would find, and leave, what is half done."""
    told: list[str] = []

    def handler(*_: Any) -> None:
        for call in (lambda: neurons.set_stim_budget(9, max_rate_hz=10), plan.preview):
            with pytest.raises(RuntimeError, match="has interrupted a call of the device") as refusal:
                call()
            told.append(str(refusal.value))

    with Simulator(seed=1) as neurons:
        neurons.set_stim_budget(9, max_rate_hz=100)
        plan = neurons.create_stim_plan()
        plan.stim(9, PULSE)
        before = signal.signal(signal.SIGUSR1, handler)
        try:
            with neurons._engine.lock:
                signal.raise_signal(signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert len(told) == 2


def test_budgets_change_while_no_command_is_checked(device: str) -> None:
    with cl.open() as neurons:
        neurons.set_stim_budget(9, max_rate_hz=100)
        stimulator, is_set = neurons._engine.device.stimulator, threading.Event()

        def change() -> None:
            neurons.set_stim_budget(9, max_rate_hz=1)
            is_set.set()

        thread = threading.Thread(target=change)
        with stimulator.keeping():
            thread.start()
            assert not is_set.wait(0.05)
        thread.join()
        neurons.stim(9, PULSE)
        with pytest.raises(StimBudgetExceeded):
            neurons.stim(9, PULSE)


def test_previews_show_what_is_left(device: str) -> None:
    with cl.open() as neurons:
        plan = neurons.create_stim_plan()
        plan.stim(ChannelSet(9, 11), PULSE, BurstDesign(4, 100))
        assert plan.preview().budget_left == {}
        neurons.set_stim_budget(9, max_rate_hz=1, max_charge_nC_per_s=5, window_seconds=10)
        neurons.stim(9, PULSE)
        neurons.stim(9, PULSE)
        preview = plan.preview()
        ((budget, left),) = preview.budget_left.values()
        assert budget.max_rate_hz == 1
        assert left.rate_hz == pytest.approx(0.4) and left.charge_nC_per_s == pytest.approx(5 - 0.192)
        assert left.net_charge_nC is None
        assert "channel 9: 0.4 of 1 Hz, 4.808 of 5 nC/s of its budget left in 10 s" in str(preview)
        plan.run()
        assert next(iter(plan.preview().budget_left.values()))[1].rate_hz == pytest.approx(0)
        plan.run()
        with pytest.raises(StimBudgetExceeded):
            plan.run()


BUDGETS = """
[[budget]]
channels = "all"
max_rate_hz = 50

[[budget]]
channels = [9]
max_rate_hz = 4
window_seconds = 2
"""


def test_a_laboratory_gives_every_program_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(BUDGETS)
    with Simulator(seed=1, environment={"CL_STIM_BUDGET": str(file)}) as neurons:
        neurons.set_stim_budget(9, max_rate_hz=1000)
        neurons.set_stim_budget(9)
        for _ in range(8):
            neurons.stim(9, PULSE)
            neurons.read(1000)
        with pytest.raises(StimBudgetExceeded, match=r"channel 9 would get 4.5 Hz in 2 s; .*max_rate_hz=4"):
            neurons.stim(9, PULSE)
        with pytest.raises(StimBudgetExceeded, match="channel 30 would get 51 Hz"):
            neurons.stim(30, PULSE, BurstDesign(51, 51.5))
        neurons.stim(0, PULSE, BurstDesign(100, 200))  # grounded


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file"),
        ("", "tables \\[\\[budget\\]\\] and nothing else"),
        ("[[budget]]\nmax_rate_hz=1", "budget 1 has no channels"),
        ("[[budget]]\nchannels=[9]\nmax_hz=1", "budget 1 has 'max_hz'; it takes channels and max_rate_hz"),
        ("[[budget]]\nchannels=[9]", "budget 1 has no limit"),
        ("[[budget]]\nchannels=[64]\nmax_rate_hz=1", "64"),
        ("[[budget]]\nchannels=[9]\nmax_rate_hz=-1", "budget 1: max_rate_hz must be at least 0, not -1"),
        ("[[budget", "a TOML file of budgets"),
    ],
)
def test_files_that_are_none(
    text: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "budget.toml"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("CL_STIM_BUDGET", str(file))
    with pytest.raises(
        ValueError, match=f"CL_STIM_BUDGET=.*: it takes a TOML file of budgets: .*{told}|{told}"
    ):
        cl.open().__enter__()

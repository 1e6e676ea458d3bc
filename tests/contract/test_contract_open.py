"""Opening, sharing and closing the device (contract, section 1)."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
from source_tools import Source

import cl
from cl.error import DeviceDisconnectedError
from cl.sim import Simulator

pytestmark = pytest.mark.usefixtures("accelerated")


def spikes_of_a_second() -> list[cl.Spike]:
    with cl.open() as neurons:
        return neurons.read(25_000, analysis=True).spikes


def test_open_yields_a_started_device() -> None:
    with cl.open() as neurons:
        assert isinstance(neurons, cl.Neurons)
        assert neurons.has_started()
        assert neurons.has_control()
        assert neurons.is_readable()
        assert neurons.is_recordable()
        neurons.wait_until_readable()
        neurons.wait_until_recordable()
        assert neurons.get_channel_count() == 64
        assert neurons.get_frames_per_second() == 25_000
        assert neurons.get_frame_duration_us() == 40.0


@pytest.mark.parametrize("virtual", ["0", "1"])
def test_a_program_that_ends_within_its_block_closes_the_device(virtual: str) -> None:
    program = (
        "import cl\nopening = cl.open()\nneurons = opening.__enter__()\n"
        "print(neurons.record().file['path'])\nneurons.read(1000)"
    )
    environment = {**os.environ, "CL_SDK_ACCELERATED_TIME": virtual}
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=100,
    )
    assert (found.returncode, found.stderr) == (0, "")
    with cl.RecordingView(found.stdout.strip()) as view:
        assert view.complete and len(view.samples) >= 1000


def test_a_fork_that_ends_leaves_the_device_to_its_parent() -> None:
    program = (
        "import os, sys, cl\n"
        "with cl.open() as neurons:\n"
        "    recording = neurons.record()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        sys.exit(3)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "    neurons.read(1000)\n"
        "print(len(recording.open().samples))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert (found.returncode, found.stdout) == (0, "3\n1000\n")


def test_what_is_not_entered_says_how_to() -> None:
    with pytest.raises(AttributeError, match=r"'with cl\.open\(\) as neurons:' and use neurons\.loop there"):
        cl.open().loop(100)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"'async with cl\.aopen\(\) as neurons:' .* neurons\.aloop"):
        cl.aopen().aloop(100)  # type: ignore[attr-defined]
    assert not cl._session.opening.is_open()


def test_the_public_names_are_there() -> None:
    names = (
        "open aopen get_system_attributes is_simulator Neurons Stim Spike DetectionResult ChannelSet "
        "BurstDesign StimDesign StimPlan Loop LoopTick Recording DataStream RecordingView "
        "sim hw error util visualisation"
    )
    for name in names.split():
        assert getattr(cl, name) is not None
        assert name in dir(cl)
    for name in (n for n in dir(cl.error) if n[0].isupper()):
        assert getattr(cl, name) is getattr(cl.error, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        cl.no_such_name  # noqa: B018


def test_after_closing_every_method_says_so() -> None:
    with cl.open() as neurons:
        loop = neurons.loop(100)
    for call in (
        neurons.timestamp,
        lambda: neurons.read(1),
        lambda: neurons.loop(1),
        lambda: next(iter(loop)),
    ):
        with pytest.raises(DeviceDisconnectedError, match="closed"):
            call()
    assert not neurons.is_readable()
    assert not neurons.has_control()
    assert not neurons.has_started()


def test_close_closes_and_leaving_after_it_is_fine() -> None:
    with cl.open() as neurons:
        neurons.close()
        with pytest.raises(DeviceDisconnectedError):
            neurons.read(1)
        # What only works between two devices works here.
        cl.sim.set_simulator_data_source(no_source)
        cl.sim.clear_simulator_data_source()
        with cl.open() as another:
            assert another is not neurons
            with pytest.raises(RuntimeError, match="while a device is open"):
                cl.sim.set_simulator_data_source(no_source)


def no_source() -> None:
    """Stand for a data source that nobody opens."""


def test_the_same_seed_gives_the_same_data_in_every_open() -> None:
    first = spikes_of_a_second()
    assert first
    assert first == spikes_of_a_second()


def test_another_seed_gives_other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    first = spikes_of_a_second()
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", "8")
    assert first != spikes_of_a_second()


def test_a_drawn_seed_is_logged_and_repeats_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CL_SDK_RANDOM_SEED")
    with caplog.at_level(logging.INFO, "cl"):
        first = spikes_of_a_second()
    seed = next(r.args[0] for r in caplog.records if "seed" in r.message)  # type: ignore[index]
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", str(seed))
    assert spikes_of_a_second() == first


def test_settings_are_read_at_every_open_and_from_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with cl.open() as neurons:
        assert neurons.timestamp() == neurons.timestamp()
    monkeypatch.delenv("CL_SDK_RANDOM_SEED")
    (tmp_path / ".env").write_text("CL_SDK_RANDOM_SEED=7\n")
    assert spikes_of_a_second() == spikes_of_a_second()


def test_a_bad_setting_is_told_and_the_next_open_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_SAMPLE_MEAN", "plenty")
    with pytest.raises(ValueError, match="CL_SDK_SAMPLE_MEAN='plenty'"), cl.open():
        pass
    monkeypatch.setenv("CL_SDK_SAMPLE_MEAN", "170")
    assert spikes_of_a_second()


def test_nested_opens_share_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    with cl.open() as outer:
        outer.read(100)
        monkeypatch.setenv("CL_SDK_RANDOM_SEED", "nonsense, and not read")
        with cl.open() as inner:
            assert inner is outer
            inner.read(100)
        assert outer.timestamp() == 200
        outer.read(1)


def test_an_open_in_another_thread_shares_the_device() -> None:
    seen: list[cl.Neurons] = []

    def work() -> None:
        with cl.open() as inner:
            seen.append(inner)

    with cl.open() as outer:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        outer.read(1)
    assert seen == [outer]


def test_an_open_while_the_device_closes_waits_for_that() -> None:
    calls: list[str] = []
    again = threading.Event()

    class Slow(Source):
        def open(self) -> None:
            calls.append("open")
            if len(calls) > 1:
                again.set()

        def close(self) -> None:
            thread.start()
            again.wait(0.5)  # time enough to open too early
            calls.append("close")

    class Fast(Slow):
        def close(self) -> None:
            calls.append("close")

    def work() -> None:
        with cl.open() as neurons:
            neurons.read(1)

    thread = threading.Thread(target=work)
    sources = iter((Slow(), Fast()))
    cl.sim.set_simulator_data_source(lambda: next(sources))
    try:
        with cl.open():
            pass
        thread.join()
    finally:
        cl.sim.clear_simulator_data_source()
    assert calls == ["open", "close", "open", "close"]


def test_the_garbage_collector_rests_while_the_device_is_controlled() -> None:
    assert gc.isenabled()
    with cl.open():
        assert not gc.isenabled()
        with cl.open():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with cl.open(take_control=False):
        assert gc.isenabled()
    gc.disable()
    try:
        with cl.open():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_control_is_taken_and_given_up() -> None:
    with cl.open(take_control=False) as neurons:
        assert not neurons.has_control()
        with pytest.raises(cl.error.ControlRequiredError, match="take_control"):
            neurons.stim(8, 1.0)
        with cl.open() as inner:
            assert inner.has_control()
            inner.stim(8, 1.0)
        assert not neurons.has_control()
        neurons.take_control()
        neurons.stim(8, 1.0)
        neurons.release_control()
        with pytest.raises(cl.error.ControlRequiredError):
            neurons.stim(8, 1.0)


def test_opens_in_threads_take_no_control_from_each_other() -> None:
    """Left in any order, as threads do that work on one device."""
    with cl.open(take_control=False) as neurons:
        for first_left in (0, 1):
            opened = [cl.open(), cl.open(), cl.open(take_control=False)]
            for one in opened:
                one.__enter__()
            opened.pop(first_left).__exit__(None, None, None)
            opened.pop().__exit__(None, None, None)
            assert not gc.isenabled()
            neurons.stim(8, 1.0)
            opened.pop().__exit__(None, None, None)
            assert not neurons.has_control()
            assert gc.isenabled()


def test_an_open_that_outlives_the_outermost_changes_nothing_any_more() -> None:
    outer, inner = cl.open(), cl.open()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert gc.isenabled()
    with cl.open():
        inner.__exit__(None, None, None)
        assert not gc.isenabled()
    assert gc.isenabled()


def test_stop_start_and_restart() -> None:
    with cl.open() as neurons:
        neurons.stop()
        assert not neurons.has_started()
        assert not neurons.is_readable()
        for call in (
            lambda: neurons.stim(8, 1.0),
            neurons.wait_until_readable,
            neurons.wait_until_recordable,
        ):
            with pytest.raises(RuntimeError, match=r"stopped: call start\(\)"):
                call()
        neurons.start()
        neurons.wait_until_recordable()
        neurons.stim(8, 1.0)
        neurons.restart()
        assert neurons.has_started()
        assert neurons.read(10).shape == (10, 64)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_closes_the_device(error: type[BaseException]) -> None:
    with pytest.raises(error), cl.open() as neurons:
        for _ in neurons.loop(100):
            raise error
    with pytest.raises(DeviceDisconnectedError):
        neurons.timestamp()


def test_open_works_inside_a_running_event_loop() -> None:
    async def cell() -> int:
        with cl.open() as neurons:
            return sum(1 for _ in neurons.loop(100, stop_after_ticks=10))

    assert asyncio.run(cell()) == 10


@pytest.mark.anyio
async def test_aopen_yields_the_same_class_and_shares() -> None:
    async with cl.aopen() as neurons:
        assert isinstance(neurons, cl.Neurons)
        with cl.open() as inner:
            assert inner is neurons
        assert (await neurons.aread(10)).shape == (10, 64)


@pytest.mark.anyio
async def test_aopen_closes_when_cancelled() -> None:
    held: list[cl.Neurons] = []

    async def work(*, task_status: Any) -> None:
        async with cl.aopen() as neurons:
            held.append(neurons)
            task_status.started()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        await group.start(work)
        group.cancel_scope.cancel()
    with pytest.raises(DeviceDisconnectedError):
        held[0].timestamp()


def test_a_task_that_asyncio_cancels_while_it_opens_leaves_nothing_open() -> None:
    """As `asyncio.timeout` and Ctrl-C do; anyio's scopes do not shield from that."""
    entered, go = threading.Event(), threading.Event()

    class Slow(Source):
        def open(self) -> None:
            entered.set()
            go.wait(30)
            super().open()

    source = Slow()

    async def use() -> None:
        async with cl.aopen():
            raise AssertionError("it was cancelled before")

    async def main() -> None:
        task = asyncio.create_task(use())
        await asyncio.to_thread(entered.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    cl.sim.set_simulator_data_source(lambda: source)
    try:
        asyncio.run(main())
        assert not cl._session.opening.is_open()
        assert source.calls == ["open", "close"]
    finally:
        cl.sim.clear_simulator_data_source()


def test_attributes_and_kind() -> None:
    keys = {"project_id", "chip_id", "cell_batch_id", "plugin", "system_id", "hostname"}
    assert set(cl.get_system_attributes()) == keys
    assert cl.get_system_attributes()["system_id"] == "cl1-sdk-000"
    assert cl.get_system_attributes()["plugin"] == {}
    assert cl.is_simulator() is True
    with cl.open():
        assert set(cl.get_system_attributes()) == keys
        assert cl.is_simulator() is True


HEAVY = {
    "numpy",
    "h5py",
    "tables",
    "asyncio",
    "anyio",
    "trio",
    "matplotlib",
    "dotenv",
    "msgpack",
    "websockets",
}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, cl, cl.error; print(*(set(sys.modules) & set(sys.argv[1:])))"
    found = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


SCRIPT = """
import os, signal, sys, threading
import cl
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
try:
    with cl.open() as neurons:
        for tick in neurons.loop(1000):
            if tick.iteration == 100:
                interrupt()
except KeyboardInterrupt:
    print("interrupted", threading.active_count())
"""


@pytest.mark.parametrize("accelerated", ["0", "1"])
def test_leaving_by_ctrl_c_leaves_nothing_behind(accelerated: str, tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "CL_SDK_ACCELERATED_TIME": accelerated,
        "PYTHONPATH": str(Path(cl.__file__).parents[1]),
    }
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, env=environ, cwd=tmp_path
    )
    assert found.stdout == "interrupted 1\n"
    assert found.returncode == 0
    assert "Traceback" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_open_that_fails_late_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "0")
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")
    monkeypatch.setenv("CL_SDK_VISUALISATION_HOST", "no such host")
    with pytest.raises(ValueError, match="no such host"), cl.open():
        pass
    monkeypatch.setenv("CL_SDK_VISUALISATION", "0")
    with cl.open() as neurons:
        assert len(neurons.read(1)) == 1


def test_a_block_that_is_entered_twice_is_refused_in_words_and_stays_open() -> None:
    context = cl.open(device=Simulator(seed=7, accelerated=True))
    with context as neurons:
        with pytest.raises(RuntimeError, match="entered before"):
            context.__enter__()
        assert neurons.read(10).shape == (10, 64)
    with pytest.raises(RuntimeError, match="entered before"):
        context.__enter__()


def test_what_an_interrupted_close_has_left_is_done_when_the_block_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever step of closing is interrupted, the others follow, and that one is taken again."""
    from cl._session.session import Session

    for name in ("_end", "_end_engine", "_leave_page", "_close_device"):
        step, calls = getattr(Session, name), []

        def interrupted(session: Session, step: Any = step, calls: list[int] = calls) -> None:
            calls.append(1)
            if len(calls) == 1:
                raise KeyboardInterrupt
            step(session)

        with monkeypatch.context() as patch:
            patch.setattr(Session, name, interrupted)
            with pytest.raises(KeyboardInterrupt), cl.open(device=Simulator(seed=7, accelerated=True)) as n:
                recording = n.record()
                n.read(100)
        assert len(calls) == 2
        assert recording.has_stopped()
        with recording.open() as view:
            assert len(view.samples) == 100


def test_a_recording_that_was_interrupted_before_it_began_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cl._recording.recorder import Recorder

    def interrupted(recorder: Recorder) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, cl.open(device=Simulator(seed=7, accelerated=True)) as neurons:
        patch.setattr(Recorder, "begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            neurons.record()
        neurons.read(10)
    assert [*Path().glob("*.h5")] == []

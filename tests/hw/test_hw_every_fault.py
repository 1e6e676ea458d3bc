"""One seed, every fault: the emulator misbehaves in combinations while loops, recordings and streams run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hw_tools import A_TURN, PatientEmulator, silence
from leak_tools import threads

import cl
from cl.error import (
    ChannelQueueFull,
    DeviceDisconnectedError,
    LaggedError,
    SyncLimitExceeded,
    TransactionRejected,
)
from cl.hw.driver.report import report
from cl.hw.driver.session import TIMEOUT
from cl.hw.emulator import EmulatorProcess
from cl.hw.emulator.sources import read_stamps

SEEDS = range(int(os.environ.get("CL_FAULT_SEEDS", "20")))
if "CL_FAULT_SEED" in os.environ:
    SEEDS = range(int(os.environ["CL_FAULT_SEED"]), int(os.environ["CL_FAULT_SEED"]) + 1)
TICKS = 40
REFUSALS = {
    "CHANNEL_QUEUE_FULL": ChannelQueueFull,
    "SYNC_LIMIT": SyncLimitExceeded,
    "REJECTED": TransactionRejected,
    "INVALID": ValueError,
}
ENDS = {
    "fail": "failed on request",
    "exit": "closed the connection",
    "hangup": "closed the connection",
    "garbage=40": "a message it was not asked for",
    "counter=5": "frame counter went from",
    "badspike=64": "spikes on channel 64",
    "ignore=1": "did not answer command",
}
SLOW_ENDS = {"freeze": "no sign of life|delivered no frames", "stall": "delivered no frames"}
"""What takes 0.6 s to be sure of. A frozen device shows neither: the first that is noticed is named."""


class Card:
    """An emulator, and a new one after each end."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._stack = ExitStack()
        self.emulator: EmulatorProcess | None = None

    def plugged_in(self) -> EmulatorProcess:
        if self.emulator is None:
            self.emulator = self._stack.enter_context(PatientEmulator("--source", "counter"))
            self._patch.setenv("CL_DEVICE", self.emulator.address)
        return self.emulator

    def pulled(self) -> None:
        """Have the next one be a new one."""
        self.emulator = None
        self._stack.close()


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    found = Card(monkeypatch)
    yield found
    found.pulled()


class Run:
    """What a seed does to a device, and what a program sees of it."""

    def __init__(self, seed: int, emulator: EmulatorProcess) -> None:
        self.random = Random(seed)
        self.emulator = emulator
        self.counts: Counter[str] = Counter()
        self.told = 0
        """Frames that loops were told to have lost."""
        self._refusals: list[type[Exception]] = []
        self._value = 0

    def gentle(self) -> None:
        """Begin a fault that a program goes on after."""
        random = self.random
        kind = random.choice(["lost", "late", "coalesce", "mute", "drop", "drop", "refuse"])
        value = {
            "lost": lambda: str(random.randint(1, 60)),
            "late": lambda: f"{random.randint(1, 5)}:{random.randint(1, 30)}",
            "coalesce": lambda: str(random.choice([1, 1, 3, 50, 10**6])),
            "mute": lambda: "1",
            "drop": lambda: str(random.choice([1, 7, 300, 4_000])),
            "refuse": lambda: f"{random.choice([*REFUSALS])}:1",
        }[kind]()
        if kind == "refuse":
            if self._refusals:
                return  # It would take the place of the one before.
            self._refusals.append(REFUSALS[value.partition(":")[0]])
        self.emulator.inject(f"{kind}={value}")
        self.counts[kind] += 1

    def stim(self, neurons: cl.Neurons) -> None:
        """Give a command, which is refused if that was asked for some time before."""
        found: Exception | None = None
        try:
            neurons.stim(self.random.randrange(8, 56), 1.0)
        except (TransactionRejected, ValueError) as error:
            found = error
        if found is not None:
            assert self._refusals and type(found) is self._refusals.pop(0), found
            self.counts["refused"] += 1

    def loop(self, neurons: cl.Neurons, stream: cl.DataStream) -> None:
        """Run a loop that injects faults and stimulates; what was lost ends it, and the next one begins."""
        rate = self.random.choice([500, 1_000, 2_500])
        last = None
        try:
            for tick in neurons.loop(rate, stop_after_ticks=TICKS, ignore_jitter=True):
                stamps = read_stamps(tick.frames, 8)
                start = tick.iteration_timestamp - len(stamps)
                assert last in (None, start)
                assert (stamps == np.arange(start, start + len(stamps))).all()
                last = tick.iteration_timestamp
                self._value += 1
                stream.append(tick.iteration_timestamp, self._value)
                if self.random.random() < 0.15:
                    self.gentle()
                if self.random.random() < 0.1:
                    self.stim(neurons)
        except LaggedError as error:
            self.told += error.missed
            self.counts["lagged"] += 1

    def program(self) -> tuple[cl.Recording, int]:
        """Return the recording, and how many entries its stream has."""
        with cl.open() as neurons:
            recording = neurons.record()
            stream = neurons.create_data_stream("ticks")
            for _ in range(2):
                self.loop(neurons, stream)
            while self._refusals:  # Or the interrupt that closing is would be refused, which it says.
                with suppress(LaggedError):
                    neurons.read(A_TURN)
                self.stim(neurons)
            with suppress(LaggedError):  # What it is to lose is lost while it is recorded.
                neurons.read(A_TURN)
            end = self._end()
            if end is not None:
                self._dies(neurons, *end)
        if end is None:
            self.emulator.inject("coalesce=1")
        return recording, self._value

    def _end(self) -> tuple[str, str] | None:
        kind = self.random.random()
        if kind < 0.5:
            return None
        ends = SLOW_ENDS if kind > 0.96 else ENDS
        return self.random.choice([*ends.items()])

    def _dies(self, neurons: cl.Neurons, fault: str, text: str) -> None:
        link = neurons._engine.device._link  # type: ignore[attr-defined]
        # It is waited for no longer than is promised.
        if fault.startswith("ignore"):
            link._commander._timeout_ns = int(TIMEOUT * 1e9)
        self.emulator.inject("coalesce=1")
        if fault in SLOW_ENDS:
            silence(fault, self.emulator, link)
        else:
            self.emulator.inject(fault)
        self.counts[fault] += 1
        with pytest.raises(DeviceDisconnectedError, match=text):
            while True:
                try:
                    for _ in neurons.loop(1_000, stop_after_ticks=20, ignore_jitter=True):
                        self.stim(neurons)
                except LaggedError as error:
                    self.told += error.missed
        with pytest.raises(DeviceDisconnectedError, match=text):
            neurons.read(1)
        self.counts["ends"] += 1

    @property
    def has_ended(self) -> bool:
        """Whether the emulator is of no use any more."""
        return self.counts["ends"] > 0


def check_recording(recording: cl.Recording, entries: int) -> int:
    """Every frame is there, or a zero that is counted; return how many were lost."""
    with cl.RecordingView(recording.file["path"]) as view:
        assert view.complete
        assert view.samples is not None and view.data_streams is not None
        frames, start = view.samples[:], recording.start_timestamp
        stamps = read_stamps(frames, 8)
        wrong = stamps != np.arange(start, start + len(stamps))
        assert not frames[wrong].any()
        assert wrong.sum() == view.attributes.get("frames_lost", 0)
        assert [*view.data_streams["ticks"].values()] == [*range(1, entries + 1)]
    Path(recording.file["path"]).unlink()
    return int(wrong.sum())


@pytest.mark.timeout(120 + 10 * len(SEEDS))
def test_every_fault_from_one_seed(card: Card) -> None:
    counts: Counter[str] = Counter()
    before = threads()
    for seed in SEEDS:
        emulator = card.plugged_in()
        print(f"CL_FAULT_SEED={seed} repeats this", flush=True)
        dropped = report(emulator.address).frames_dropped
        run = Run(seed, emulator)
        recording, entries = run.program()
        lost = check_recording(recording, entries)
        assert run.told <= lost, "a loop was told of more than was lost"
        if run.has_ended:
            card.pulled()
        else:
            assert lost == report(emulator.address).frames_dropped - dropped
        counts += run.counts
        counts["frames lost"] += lost
        with cl.open() if not run.has_ended else ExitStack():
            pass
        left = {thread for thread in threads() - before if thread.name != "cl-emulator-output"}
        assert not left, (seed, left)
    print(f"{len(SEEDS)} seeds: {dict(counts)}")
    assert len(SEEDS) == 1 or all(counts[what] for what in ("frames lost", "lagged", "ends", "refused"))

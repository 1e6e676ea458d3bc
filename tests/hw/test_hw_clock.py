"""Device time between interrupts, on a host clock that the tests move themselves."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cl.hw.driver.clock as module
from cl.hw.driver.clock import HardwareClock

FRAME = 40_000


class Host:
    """A host whose time is what the test says, and the link to a device that has posted what it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, posted: int = 1000, moderation: int = 25) -> None:
        self.ns = 5_000_000_000
        self.posted = posted
        self.moderation = moderation
        self.caught_up = 0
        self.raised_ns = self.ns
        monkeypatch.setattr(module, "host_ns", lambda: self.ns)
        self.clock = HardwareClock(self)  # type: ignore[arg-type]
        self.origin = self.ns - posted * FRAME

    def catch_up(self) -> None:
        self.caught_up += 1
        self.clock.tell(self.posted)

    def interrupt_age_ns(self) -> int:
        return self.ns - self.raised_ns

    def post(self, posted: int, late_ns: int = 0) -> None:
        """Let the device post, and be found so much later."""
        self.posted = posted
        self.raised_ns = self.origin + posted * FRAME
        self.ns = max(self.ns, self.origin + posted * FRAME + late_ns)
        self.clock.tell(posted)


def test_time_goes_on_from_the_earliest_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    for i, late in enumerate((300_000, 40_000, 900_000, 70_000)):
        host.post(1025 + 25 * i, late)
    # The best of them was not late at all: the very first.
    host.ns = host.origin + (1100 + 7) * FRAME + FRAME // 2
    assert host.clock.now() == 1107
    assert host.clock.due_ns(1200) == pytest.approx(host.origin + 1200 * FRAME, abs=2_000)
    assert host.clock.seconds_until(1132) == pytest.approx(24.5 * 40e-6, abs=2e-6)


def test_time_is_at_most_a_block_beyond_what_was_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    host.post(1025)
    host.ns += 10**9
    assert host.clock.now() == 1050


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
def test_time_never_goes_back_whatever_the_device_does(seed: int) -> None:
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as monkeypatch:
        host = Host(monkeypatch, posted=rng.randrange(10**9))
        last = 0
        for _ in range(200):
            what = rng.random()
            if what < 0.5:
                # On time or held up, a block or several, or a leap.
                host.post(
                    host.posted + host.moderation * rng.choice((1, 1, 1, 4, 6000)), rng.randrange(10**6)
                )
            elif what < 0.6:
                host.moderation = rng.choice((1, 5, 25, 2500))
            else:
                host.ns += rng.randrange(10 ** rng.randrange(3, 10))
            now = host.clock.now()
            assert now >= last
            assert now >= host.posted
            last = now


def test_a_clock_that_runs_slow_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    for i in range(1, 20_000):
        # 100 ppm slow: after 20 s of 1 ms blocks it is 2 ms behind the host.
        host.post(1000 + 25 * i, late_ns=25 * FRAME * i // 10_000)
    behind = host.clock.due_ns(host.posted) - (host.origin + host.posted * FRAME)
    assert behind == pytest.approx(25 * FRAME * 19_999 // 10_000, rel=0.01)


def test_a_device_that_stood_still_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    host.post(1025)
    host.origin += 3 * 10**9
    host.post(1050)
    host.ns += 3 * FRAME
    assert host.clock.now() == 1053


def test_at_the_end_time_stands_where_the_device_was(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    host.post(1025)
    host.ns += 10 * FRAME
    assert host.clock.now() == 1035
    host.clock.end()
    assert host.clock.now() == 1025


@pytest.mark.parametrize(
    ("posted", "due", "behind"),
    [
        (1025, 1025, 0),
        (1025, 1050, -25),
        (1050, 1025, 25),
        (1050, 1026, 0),
        (1050, 1050, 0),
        (2025, 1026, 999),
    ],
)
def test_a_loop_is_behind_by_whole_blocks(
    monkeypatch: pytest.MonkeyPatch, posted: int, due: int, behind: int
) -> None:
    host = Host(monkeypatch)
    host.post(posted)
    assert host.clock.behind(due) == behind
    assert host.caught_up == 0


def test_what_nobody_has_got_round_to_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    host.posted = 2000
    assert host.clock.behind(1025) == 975
    assert host.caught_up == 1


@pytest.mark.parametrize("nonsense", [0, 1 << 60])
def test_a_counter_that_makes_no_sense_makes_nobody_late(
    monkeypatch: pytest.MonkeyPatch, nonsense: int
) -> None:
    host = Host(monkeypatch)
    host.posted = nonsense
    assert host.clock.behind(1000) == 0
    assert host.caught_up == 0, "the reader thread will say what is wrong"


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32),
    st.integers(-120, 120),
    st.sampled_from([3_000, 100_000, 3_000_000]),
    st.sampled_from([5, 25, 250]),
)
def test_the_error_bounds_what_is_not_known(seed: int, ppm: int, latest_ns: int, block: int) -> None:
    """However late interrupts are noticed, and whichever way the clocks drift."""
    rng = random.Random(seed)
    with pytest.MonkeyPatch.context() as monkeypatch:
        host = Host(monkeypatch, moderation=block)
        begun = host.origin
        for i in range(1, 400):
            posted = 1000 + block * i
            host.origin = begun + block * i * FRAME * ppm // 1_000_000
            host.post(posted, rng.randrange(latest_ns))
            off = host.clock.due_ns(posted) - (host.origin + posted * FRAME)
            assert abs(off) <= host.clock.error_ns()
            host.ns += rng.randrange(2_000)
            assert FRAME <= host.clock.error_ns() <= FRAME + 2 * latest_ns + 50_000


def test_the_error_grows_while_nothing_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    for i in range(1, 10):
        host.post(1000 + 25 * i)
    assert host.clock.error_ns() < FRAME + 10_000
    host.ns += 10 * 10**9
    assert host.clock.error_ns() > 10 * 10**9 // 4096


@pytest.mark.parametrize("pause_ms", [1, 20, 49, 51, 3_000])
def test_a_pause_is_in_doubt_until_it_is_clear(monkeypatch: pytest.MonkeyPatch, pause_ms: int) -> None:
    """Short ones are taken for lateness, and the error tells soon how much that is."""
    host = Host(monkeypatch)
    for i in range(1, 9_000):
        if i == 1_000:
            host.origin += pause_ms * 1_000_000
        host.post(1000 + 25 * i, 20_000)
        off = abs(host.clock.due_ns(host.posted) - (host.origin + host.posted * FRAME))
        assert off <= 60_000_000
        if not 1_000 <= i < 1_000 + 130 * pause_ms:
            assert off <= host.clock.error_ns()


def test_a_device_held_up_is_in_doubt_until_it_has_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    for i in range(1, 100):
        host.post(1000 + 25 * i)
    host.post(host.posted + 25, late_ns=80_000_000)
    host.raised_ns = host.ns  # It has only just posted it.
    assert host.clock.error_ns() > 80_000_000
    host.post(host.posted + 2_000)
    assert host.clock.error_ns() < FRAME + 10_000


def test_an_interrupt_that_is_newer_than_what_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch)
    host.ns += 900_000
    host.raised_ns = host.ns + 100_000
    host.clock.tell(host.posted + 25)
    assert host.clock.error_ns() == FRAME + 25 * FRAME

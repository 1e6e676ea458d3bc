"""The owners of the process-wide switches: claims come and go in any order, the last one out restores."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl._values.process_switches import Claim, GarbageCollector, SwitchInterval


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    interval = sys.getswitchinterval()
    yield
    gc.enable()
    sys.setswitchinterval(interval + 0.5e-6)


@given(st.lists(st.integers(0, 5), max_size=24), st.booleans())
def test_the_collector_rests_until_the_last_is_out(turns: list[int], enabled: bool) -> None:
    """Each turn claims, or releases the claim of that number, perhaps again."""
    gc.enable() if enabled else gc.disable()
    switch, claims = GarbageCollector(), dict[int, Claim]()
    held = set[int]()
    for turn in turns:
        if turn in claims and turn in held:
            claims[turn].release()
            claims[turn].release()
            held.discard(turn)
        else:
            claims[turn] = switch.rest()
            held.add(turn)
        assert gc.isenabled() is (enabled and not held)
    for claim in claims.values():
        claim.release()
    assert gc.isenabled() is enabled


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(20, 9_000)), max_size=24))
def test_the_interval_is_the_shortest_that_is_wanted(turns: list[tuple[int, int]]) -> None:
    """And the usual one at the end, to the microsecond, whatever it is."""
    sys.setswitchinterval(0.0050155)
    usual = sys.getswitchinterval()
    switch, held = SwitchInterval(), dict[int, tuple[Claim, int]]()
    for turn, microseconds in turns:
        if turn in held:
            held.pop(turn)[0].release()
        else:
            held[turn] = switch.at_most(microseconds * 1e-6), microseconds
        wanted = min((us for _, us in held.values()), default=5015)
        assert sys.getswitchinterval() == pytest.approx(min(wanted, 5015) * 1e-6)
    for claim, _ in held.values():
        claim.release()
    assert sys.getswitchinterval() == usual


def test_the_interval_is_given_back_a_thousand_times() -> None:
    for microseconds in (15, 19, 4_999, 5_000):  # Python gives some of them back a microsecond shorter
        sys.setswitchinterval(microseconds * 1e-6 + 0.5e-6)
        usual = sys.getswitchinterval()
        switch = SwitchInterval()
        for _ in range(1_000):
            with switch.at_most(10e-6):
                assert sys.getswitchinterval() == pytest.approx(10e-6)
        assert sys.getswitchinterval() == usual


def test_an_interval_that_the_program_sets_meanwhile_stays() -> None:
    switch = SwitchInterval()
    first = switch.at_most(0.0005)
    sys.setswitchinterval(0.002)
    with switch.at_most(0.001):
        assert sys.getswitchinterval() == pytest.approx(0.0005)
    first.release()
    assert sys.getswitchinterval() == pytest.approx(0.002)


def test_threads_claim_and_release_at_once() -> None:
    switch, collector = SwitchInterval(), GarbageCollector()
    usual, begin = sys.getswitchinterval(), threading.Barrier(4)

    def work() -> None:
        begin.wait()
        for _ in range(200):
            with switch.at_most(0.0002), collector.rest():
                assert not gc.isenabled()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.isenabled() and sys.getswitchinterval() == usual

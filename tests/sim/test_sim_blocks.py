"""Windows put together from blocks."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cl.sim.sources.blocks import BLOCK, FrameBlocks, RecentBlocks


def numbered(number: int, out: NDArray[np.int16]) -> None:
    first = number * BLOCK
    out[:] = ((np.arange(first, first + len(out)) % 30_000)[:, None]).astype(np.int16)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-9_000, 30_000), st.integers(0, 6_000)), min_size=1, max_size=6),
    st.sampled_from([None, 1, 999, BLOCK, BLOCK + 1, 7_321]),
)
def test_any_window_in_any_order(windows: list[tuple[int, int]], period: int | None) -> None:
    blocks = FrameBlocks(numbered, period, keep=2)
    for first, count in windows:
        got = blocks.window(first, first + count)
        wanted = np.arange(first, first + count)
        wanted = (wanted if period is None else wanted % period) % 30_000
        assert got.shape == (count, 64)
        assert got.dtype == np.int16
        assert (got == wanted[:, None]).all()


def test_the_caller_owns_what_it_gets() -> None:
    blocks = FrameBlocks(numbered)
    for first, stop in ((0, 25), (0, BLOCK), (10, 3 * BLOCK)):
        blocks.window(first, stop)[:] = -1
        assert (blocks.window(first, stop)[:, 0] == np.arange(first, stop)).all()


def test_a_stop_before_the_start() -> None:
    blocks = FrameBlocks(numbered)
    for _ in range(2):
        with pytest.raises(ValueError, match="from 20 to 10"):
            blocks.window(20, 10)
        blocks.window(0, 20)
    assert blocks.window(7, 7).shape == (0, 64)


def test_small_windows_make_each_block_once() -> None:
    made: list[int] = []

    def fill(number: int, out: NDArray[np.int16]) -> None:
        made.append(number)
        numbered(number, out)

    blocks = FrameBlocks(fill)
    for first in range(0, 4 * BLOCK, 25):
        blocks.window(first, first + 25)
    assert made == [0, 1, 2, 3]


def test_a_reader_that_stays_behind_does_not_thrash() -> None:
    made: list[int] = []

    def fill(number: int, out: NDArray[np.int16]) -> None:
        made.append(number)
        numbered(number, out)

    blocks = FrameBlocks(fill, keep=8)
    for first in range(0, 80 * BLOCK, 100):
        blocks.window(first + 200 * BLOCK, first + 200 * BLOCK + 100)
        blocks.window(first // 100 % BLOCK, first // 100 % BLOCK + 1)
    assert len(made) < 80 * 1.25


def test_the_oldest_makes_room() -> None:
    recent: RecentBlocks[str] = RecentBlocks(2)
    for number, block in enumerate("abc"):
        recent.put(number, block)
    assert [recent.get(n) for n in range(3)] == [None, "b", "c"]
    recent.clear()
    assert recent.get(2) is None


def test_many_threads_share_the_blocks() -> None:
    blocks = FrameBlocks(numbered, keep=2)
    wrong: list[object] = []

    def reader(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for first in rng.integers(0, 10 * BLOCK, 300).tolist():
                np.testing.assert_array_equal(
                    blocks.window(first, first + 40)[:, 3], np.arange(first, first + 40)
                )
        except (AssertionError, RuntimeError) as error:
            wrong.append(error)

    threads = [threading.Thread(target=reader, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []

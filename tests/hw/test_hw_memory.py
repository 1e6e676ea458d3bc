"""Shared memory: what a device hands out, and what a driver refuses to map."""

from __future__ import annotations

import fcntl
import mmap
import os
import subprocess
import sys

import pytest
from hw_tools import new_region

from cl.hw.wire.eventfd import add_eventfd, drain_eventfd, is_eventfd, raise_eventfd
from cl.hw.wire.layout import PAGE, U64
from cl.hw.wire.memory import create_region, map_region


def test_what_one_side_writes_the_other_reads() -> None:
    with new_region(2 * PAGE) as (fd, device):
        client = map_region(fd, 2 * PAGE, writable=True)
        device.words[5] = U64
        client.words[600] = 7
        assert (client.words[5], device.words[600]) == (U64, 7)
        assert bytes(client.view(40, 8)) == b"\xff" * 8
        client.close()


def test_a_word_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    with new_region(PAGE) as (_, region):
        region.words[1] = 3
        for bad in (-1, U64 + 1):
            with pytest.raises(ValueError):
                region.words[1] = bad
        assert region.words[1] == 3


def test_what_is_for_reading_cannot_be_mapped_for_writing() -> None:
    with new_region(PAGE, client_writes=False) as (fd, device):
        with pytest.raises(ValueError, match="cannot be mapped"):
            map_region(fd, PAGE, writable=True)
        client = map_region(fd, PAGE, writable=False)
        device.words[0] = 9
        assert client.words[0] == 9
        with pytest.raises(TypeError):
            client.words[0] = 1
        assert not client.array("<i2", 0, 4).flags.writeable
        client.close()


def test_nobody_can_change_the_size_of_a_region() -> None:
    with new_region(2 * PAGE) as (fd, _):
        for size in (PAGE, 3 * PAGE):
            with pytest.raises(PermissionError):
                os.ftruncate(fd, size)


def test_a_region_of_another_size_is_refused() -> None:
    with new_region(2 * PAGE) as (fd, _), pytest.raises(ValueError, match="with 4096 bytes and has 8192"):
        map_region(fd, PAGE, writable=False)


def test_a_region_of_no_whole_words_is_refused_and_not_kept_mapped() -> None:
    before = len(os.listdir("/proc/self/fd"))
    fd = os.memfd_create("odd", os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, PAGE + 4)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        with pytest.raises(ValueError, match="4100 bytes, which are no whole words"):
            map_region(fd, PAGE + 4, writable=False)
    finally:
        os.close(fd)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_region_that_could_shrink_is_refused() -> None:
    fd = os.memfd_create("loose", os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, PAGE)
        with pytest.raises(ValueError, match="not sealed"):
            map_region(fd, PAGE, writable=False)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        with pytest.raises(ValueError, match="not sealed"):
            map_region(fd, PAGE, writable=False)
    finally:
        os.close(fd)


def test_what_is_no_shared_memory_is_refused() -> None:
    ends = (*os.pipe(), add_eventfd([]), os.open("/dev/zero", os.O_RDWR))
    for fd in ends:
        with pytest.raises(ValueError):
            map_region(fd, PAGE, writable=False)
        os.close(fd)


def test_a_region_can_be_closed_twice_and_while_somebody_looks() -> None:
    fd, region = create_region("test", PAGE, True)
    os.close(fd)
    look = region.array("<i2", 0, 8)
    region.close()
    region.close()
    assert look.tolist() == [0] * 8


FLIP = """
import mmap, sys
words = memoryview(mmap.mmap(int(sys.argv[1]), 4096)).cast("Q")
words[2] = 1
while not words[1]:
    words[0] = 2**64 - 1
    words[0] = 0
"""


def test_a_word_is_stored_as_a_whole() -> None:
    """A reader never sees half of a counter, while another process flips all of its bits."""
    with new_region(PAGE) as (fd, region):
        child = subprocess.Popen([sys.executable, "-c", FLIP, str(fd)], pass_fds=[fd])
        try:
            while not region.words[2]:
                assert child.poll() is None
            seen = {region.words[0] for _ in range(200_000)}
        finally:
            region.words[1] = 1
            assert child.wait() == 0
        assert seen <= {0, U64}


def test_an_eventfd_is_told_from_everything_else() -> None:
    read, write = os.pipe()
    real = add_eventfd([])
    assert [is_eventfd(fd) for fd in (real, read, write, 9999)] == [True, False, False, False]
    for fd in (real, read, write):
        os.close(fd)


def test_signals_add_up_and_a_full_count_does_not_block() -> None:
    fd = add_eventfd([])
    for _ in range(3):
        raise_eventfd(fd)
    assert os.eventfd_read(fd) == 3
    drain_eventfd(fd)
    os.eventfd_write(fd, U64 - 1)
    raise_eventfd(fd)
    assert os.eventfd_read(fd) == U64 - 1
    os.close(fd)


def test_mappings_are_shared_not_private() -> None:
    fd, region = create_region("test", PAGE, True)
    other = mmap.mmap(fd, PAGE)
    region.words[0] = 5
    assert other[0] == 5
    other.close()
    region.close()
    os.close(fd)

"""How `verify` reads: past the system's cache or through it, and around what a disk does not give."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from store_files import SYSTEM, Filler

from cl._store.read.descriptor import Descriptor
from cl._store.read.verify.checking import verify
from cl._store.read.verify.spans import Spans
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter

Way = Callable[[pytest.MonkeyPatch, Path], None]


def from_the_disk(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Have nothing of the file in the cache."""
    number = os.open(path, os.O_RDONLY)
    os.fsync(number)
    os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(number)


def without_direct_reads(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Be on a system that has none."""
    monkeypatch.delattr(os, "O_DIRECT")


def refused(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Be on a file system that opens a file for direct reads, and then has none."""
    plain = os.preadv

    def preadv(number: int, buffers: list[memoryview], address: int, flags: int = 0) -> int:
        if flags or fcntl.fcntl(number, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return plain(number, buffers, address)

    monkeypatch.setattr(os, "preadv", preadv)


def as_it_is(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Read what was written a moment ago."""


@pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="this system has no direct reads")
@pytest.mark.parametrize("way", [as_it_is, from_the_disk, without_direct_reads, refused])
def test_what_is_read_is_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    path, data = tmp_path / "file", os.urandom(30_001)
    path.write_bytes(data)
    descriptor = Descriptor(path)
    way(monkeypatch, path)
    spans = Spans(descriptor)
    for address, size in [
        (0, 1),
        (4095, 2),
        (4096, 8192),
        (5, 0),
        (12_345, 17_656),
        (29_000, 1001),
        (0, 30_001),
    ]:
        assert bytes(spans.read(address, size)) == data[address : address + size]
    with pytest.raises(OSError, match="the file ends before byte 30002"):
        spans.read(29_999, 3)
    monkeypatch.undo()
    descriptor.close()


@pytest.mark.parametrize("level", [0, 4])
def test_a_block_that_the_disk_does_not_give_is_all_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    monkeypatch.setattr("cl._store.write.checksums.SAMPLE_BLOCK", 2_048)
    path = tmp_path / "r.h5"
    filler = Filler(RecordingWriter(path, RecordingHeader(system=SYSTEM, compression=level)))
    filler.add(8_192, 40, 30, 6)
    filler.writer.finish()
    with h5py.File(path) as file:
        bad = file["samples"].id.get_chunk_info(5).byte_offset  # frames 2560 to 3071
    plain = Spans.read

    def read(self: Spans, address: int, size: int) -> memoryview:
        if address <= bad < address + size:
            raise OSError(errno.EIO, "Input/output error")
        return plain(self, address, size)

    monkeypatch.setattr(Spans, "read", read)
    report = verify(path)
    assert report.faults == ["samples: frames 2560 to 3071 cannot be read"]
    assert "samples: frames 0 to 2559, 3072 to 8191" in report.readable

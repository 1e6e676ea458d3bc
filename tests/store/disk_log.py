"""What reaches the disk: a log of a file's writes and syncs, and the states that a power cut may leave of it.

The model is that of a kernel and a file system which honour fsync, as in ALICE and CrashMonkey: what was
written before the last sync is there. Of what was written since, any pages may have reached the disk, each as
any of the writes to it left it, in any order; the file is as long as any of the lengths that it had; what was
not written reads as zeros.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from math import prod
from random import Random
from typing import TypeAlias

import pytest

import cl._store.write.ordered_file as ordered_file

PAGE = ordered_file.PAGE
Write: TypeAlias = "tuple[int, bytes | None] | None"
"""An address and what was written there; a length and None; or None for a sync."""


class DiskLog:
    """Everything that happens to a file, in order, and what was readable after how much of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Write] = []
        self.marks: list[tuple[int, object]] = []
        write, truncate = ordered_file._write_at, os.ftruncate

        def logged_write(descriptor: int, data: bytes | memoryview, address: int) -> int:
            self.events.append((address, bytes(data)))
            return write(descriptor, data, address)

        def logged_truncate(descriptor: int, size: int) -> None:
            self.events.append((size, None))
            truncate(descriptor, size)

        monkeypatch.setattr(ordered_file, "_write_at", logged_write)
        monkeypatch.setattr(ordered_file, "_to_disk", lambda descriptor: self.events.append(None))
        monkeypatch.setattr(os, "ftruncate", logged_truncate)

    def mark(self, readable: object) -> None:
        """Note what can be read of the file as it is now."""
        self.marks.append((len(self.events), readable))

    def epochs(self) -> Iterator[Epoch]:
        """Yield what happened between two syncs, one after the other."""
        image, promised, begun = bytearray(), None, 0
        syncs = [at for at, event in enumerate(self.events) if event is None]
        for end in (*syncs, len(self.events)):
            writes = [event for event in self.events[begun:end] if event is not None]
            epoch = Epoch(bytes(image), writes, promised)
            yield epoch
            image = bytearray(epoch.state([len(page) for page in epoch.pages], len(epoch.sizes) - 1))
            begun = end + 1
            promised = next((what for at, what in reversed(self.marks) if at <= end), None)


class Epoch:
    """The writes between two syncs, page by page."""

    def __init__(self, before: bytes, writes: list[tuple[int, bytes | None]], promised: object) -> None:
        self.promised = promised
        """What was readable when the sync before it began; None if nothing was."""
        self._before = before
        self._writes = writes
        pages: dict[int, list[tuple[int, bytes]]] = {}
        self.sizes = [len(before)]
        for address, data in writes:
            if data is None:
                self.sizes.append(address)
                continue
            self.sizes.append(max(self.sizes[-1], address + len(data)))
            for number, at, piece in pieces(address, data):
                pages.setdefault(number, []).append((at, piece))
        self._numbers = list(pages)
        self.pages = list(pages.values())

    def state(self, versions: list[int], size: int) -> bytes:
        """Return the file with so many of the writes to each page, as long as it was after `size` changes."""
        length = self.sizes[size]
        image = bytearray(max(self.sizes))
        image[: len(self._before)] = self._before
        for number, page, count in zip(self._numbers, self.pages, versions, strict=True):
            for at, piece in page[:count]:
                start = number * PAGE + at
                image[start : start + len(piece)] = piece
        return bytes(image[:length])

    def states(self, random: Random, bound: int) -> Iterator[bytes]:
        """Yield different states that a power cut may leave: all of them, or else `bound` or a few more.

        Those that come first are the prefixes, those that lack one page, and those that have only one.
        """
        seen: set[int] = set()
        for versions, size in self._choices(random, bound):
            image = self.state(versions, size)
            if hash(image) not in seen:
                seen.add(hash(image))
                yield image
                if len(seen) >= bound:
                    return

    def _choices(self, random: Random, bound: int) -> Iterator[tuple[list[int], int]]:
        whole = [len(page) for page in self.pages]
        last = len(self.sizes) - 1
        if prod(count + 1 for count in whole) * len(set(self.sizes)) <= bound:
            for versions in product(*(range(count + 1) for count in whole)):
                yield from ((list(versions), size) for size in range(last + 1))
            return
        systematic = [*self._prefixes()]
        for at, count in enumerate(whole):
            systematic.append(([*whole[:at], 0, *whole[at + 1 :]], last))
            for some in range(1, count + 1):
                only = [0] * len(whole)
                only[at] = some
                systematic.append((only, last))
                systematic.append((only, 0))
        random.shuffle(systematic)
        yield from systematic[: bound // 2]
        for _ in range(4 * bound):
            share = random.random()
            versions = [n if random.random() < share else random.randint(0, n) for n in whole]
            yield versions, random.choice((0, last, random.randint(0, last)))

    def _prefixes(self) -> Iterator[tuple[list[int], int]]:
        done = dict.fromkeys(self._numbers, 0)
        for size, (address, data) in enumerate(self._writes, 1):
            for number, _, _ in pieces(address, data or b""):
                done[number] += 1
                yield list(done.values()), size


def pieces(address: int, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the parts of a write: the page's number, where in it, and what."""
    start = 0
    while start < len(data):
        number, at = divmod(address + start, PAGE)
        part = data[start : start + PAGE - at]
        yield number, at, part
        start += len(part)

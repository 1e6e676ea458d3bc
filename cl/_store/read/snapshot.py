"""One moment of a file that is being written.

The writer (`cl._store.write.ordered_file`) changes what is reachable by links of a few bytes, each of which
leaves a whole recording; blocks that are no longer reachable are used again. HDF5's library reads what it
needs when it needs it, so it would put together a file that never was. Here everything that tells where
things are is read at once, and read again: what has not changed in between was there all at one moment. The
rows that are told of do not change any more, nor do the entries of the indexes that lead to them.
"""

from __future__ import annotations

import os
import time
from typing import Final, NamedTuple

from . import structure
from .structure import Blocks, ChangingError, NotOursError

_PATIENCE_S: Final = 10.0
_STUBBORN_S: Final = 1.0
"""What is not in order for so long is not just being changed."""


class Snapshot(NamedTuple):
    """What a file that grows has at one moment, by address; all else is as it is in the file."""

    blocks: dict[int, bytes]
    """What tells where things are."""
    rows: dict[int, bytes]
    """The last row of each dataset. A file that others cut, and that its writer makes longer again, has zeros
    there, and nothing else tells of it."""

    def is_kept(self, descriptor: int) -> bool:
        """Whether the rows that were there are in the file as it is now."""
        return all(os.pread(descriptor, len(row), address) == row for address, row in self.rows.items())


NOTHING: Final = Snapshot({}, {})
"""Of a file that does not grow: it is as it is."""


class BusyError(OSError):
    """A file changes faster than it can be looked at."""


def take(descriptor: int, name: str) -> Snapshot | None:
    """Return the file as it is; None if it does not grow: it has ended, or was written by others.

    Raises BusyError if it changes all the time, for ten seconds.
    """
    begin = time.monotonic()
    foreign: dict[int, bytes] | None = None
    while time.monotonic() - begin < _PATIENCE_S:
        blocks = Blocks(descriptor)
        try:
            if _has_ended(blocks):
                if blocks.unchanged():
                    return None
                continue
            datasets = structure.walk(blocks)
            if blocks.unchanged():
                return _with_indexes(blocks, datasets)
        except NotOursError:
            # So it looked twice, to the last byte.
            if blocks.known == foreign:
                return None
            foreign = blocks.known
        except ChangingError:
            if time.monotonic() - begin > _STUBBORN_S:
                return None
    raise BusyError(f"{name} is being written to faster than it can be looked at")


def _with_indexes(blocks: Blocks, datasets: list[structure.Dataset]) -> Snapshot:
    found, rows = dict(blocks.known), {}
    for dataset in datasets:
        path = structure.index_path(blocks, dataset)
        found.update(path.nodes)
        rows.update(structure.last_row(blocks, dataset, path))
    return Snapshot(found, rows)


def _has_ended(blocks: Blocks) -> bool:
    """Whether the recording has its end, which is the last that is written to it."""
    found = structure.attributes(structure.messages(blocks, structure.root_address(blocks)))
    return bool(found.get(b"ended_utc")) and b"duration_frames" in found

"""Unpickling of what a stranger has pickled."""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from cl._store.read.pickles import MalformedPickleError
from cl._store.read.pickles import loads as safe_loads
from cl.error import UnsafeOperationError


@contextmanager
def restricted_unpickling() -> Iterator[None]:
    """Let `pickle.loads` and `pickle.load` take builtin scalars, containers and plain numpy only.

    Anything else raises UnsafeOperationError, and so does the block's end where that was swallowed. It is so
    for the whole process, other threads too; blocks of several threads must not overlap.
    """
    refused: list[UnsafeOperationError] = []

    def loads(data: Any, /, **options: Any) -> Any:
        try:
            return safe_loads(bytes(data))
        except MalformedPickleError as error:
            raise pickle.UnpicklingError(str(error)) from error
        except UnsafeOperationError as error:
            refused.append(error)
            raise

    def load(file: Any, **options: Any) -> Any:
        return loads(_one_pickle(file))

    earlier = pickle.loads, pickle.load
    pickle.loads, pickle.load = loads, load
    try:
        yield
    finally:
        pickle.loads, pickle.load = earlier
    if refused:
        raise refused[0]


def _one_pickle(file: IO[bytes]) -> bytes:
    """Return the bytes of the next pickle of a file, which is then read up to its end."""
    start = file.tell()
    try:
        for _ in pickletools.genops(file):
            pass
    except ValueError as error:
        raise pickle.UnpicklingError(str(error)) from error
    size = file.tell() - start
    file.seek(start)
    return file.read(size)

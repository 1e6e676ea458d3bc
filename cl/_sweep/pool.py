"""The executor that sweeps use where they are given none: a thread for each worker process."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from cl._values.numbers import whole

from .workers import Workers, current

T = TypeVar("T")


class WorkerPool(ThreadPoolExecutor):
    """Runs in `workers` processes of this machine at a time; None: one for each core."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = Workers()
        count = cores() if workers is None else whole(workers, "workers", 1)
        super().__init__(count, thread_name_prefix="cl-sweep")

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a function be called in a thread, with this pool's workers."""
        return super().submit(_with_workers, self.workers, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End, after what was submitted, or, with `cancel_futures`, at once: what runs is killed."""
        if cancel_futures:
            self.workers.stop()
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self.workers.stop()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _with_workers(workers: Workers, function: Callable[..., T], args: Any, kwargs: Any) -> T:
    current.set(workers)
    return function(*args, **kwargs)

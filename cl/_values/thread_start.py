"""Threads that begin, whatever comes in the midst of that."""

from __future__ import annotations

from threading import Thread


def start_thread(thread: Thread) -> None:
    """Start a thread; an exception that a signal's handler raises meanwhile is the one that is raised.

    `Thread.start` takes such a one for a failure to start (up to Python 3.12), looks for what the thread
    has cleared away itself meanwhile, and raises KeyError.
    """
    try:
        thread.start()
    except KeyError as error:
        if thread.ident is not None and error.__context__ is not None:
            raise error.__context__ from None
        raise

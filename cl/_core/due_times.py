"""When those who wait in a virtual time are due, and who of them is first."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from heapq import heappop, heappush, heapreplace
from itertools import islice
from operator import itemgetter
from typing import TypeAlias

from cl._values.constants import NEVER

from .participant import UNKNOWN, Participant

_Entry: TypeAlias = tuple[int, int, Participant]
_FEW = 16
_SWEEP = 64
"""What is out of date is thrown away when there is about as much of it as of the rest, and this many more."""


class DueTimes:
    """The participants that wait, by when they are due and then by the order of ties.

    Those whose due time is known stand in a heap, so that the first is found without a look at the others.
    As the scheduler's methods these are written to be called again after an interruption.
    """

    __slots__ = ("_latest", "_sweep_at", "_timed", "probing", "ready")

    def __init__(self) -> None:
        self.probing: dict[Participant, None] = {}
        """Those whose due time may change."""
        self._latest = 0
        """When the one that came last is due."""
        self._sweep_at = _SWEEP
        """When there are more of them in the heap, it is swept."""
        self._timed: list[_Entry] = []
        """A heap of those whose due time is known; some are there no more."""
        self.ready: deque[_Entry] = deque()
        """Those that were taken out of it together, in order, since they are due; some are there no more."""

    def add(self, participant: Participant, deadline: int) -> None:
        """Let a participant wait for `deadline`, or for what its probe tells."""
        if participant.probe is None:
            self.time(participant, deadline - participant.base)
        else:
            participant.due = UNKNOWN
            self.probing[participant] = None

    def remove(self, participant: Participant) -> None:
        """Let it wait no longer."""
        if participant.probe is not None:
            self.probing.pop(participant, None)
        participant.entry = None

    def time(self, participant: Participant, due: int) -> None:
        """Put a participant that waits among those whose due time is known."""
        # Many are due at one time: one number for all is compared faster, and takes less of the cache.
        if due == self._latest:
            due = self._latest
        else:
            self._latest = due
        participant.due = due
        participant.entry = entry = (due, participant.key, participant)
        timed = self._timed
        if timed and timed[0][2].entry is not timed[0]:
            # Mostly its own, of the wait before: it was first, and has been served.
            heapreplace(timed, entry)
            return
        heappush(timed, entry)
        if len(timed) > self._sweep_at:
            self._timed = sorted(e for e in timed if e[2].entry is e)
            self._sweep_at = 2 * len(self._timed) + _SWEEP

    def first(self, position: int) -> tuple[Participant, int] | None:
        """Return who of those that wait is due first, and when, as far as is known at `position`.

        None where nobody waits.
        """
        best, best_due = None, NEVER
        timed = self._timed
        while timed and timed[0][2].entry is not timed[0]:
            heappop(timed)
        ready = self.ready
        while ready and ready[0][2].entry is not ready[0]:
            ready.popleft()
        if ready and not (timed and timed[0] < ready[0]):
            best_due, _, best = ready[0]
        elif timed:
            best_due, _, best = timed[0]
        if self.probing:
            for participant in tuple(self.probing):
                due = self._probed(participant, position)
                if best is None or due < best_due or (due == best_due and participant.key < best.key):
                    best, best_due = participant, due
        return None if best is None else (best, best_due)

    def taken_out(self) -> Participant | None:
        """Return the first of those that were taken out together, if none in the heap comes before it."""
        ready, timed = self.ready, self._timed
        while ready:
            entry = ready[0]
            participant = entry[2]
            if participant.entry is entry:
                return None if timed and timed[0] < entry else participant
            ready.popleft()
        return None

    def gather(self, position: int) -> bool:
        """Take out those that are due at `position`, if they are several; return whether they are."""
        timed = self._timed
        if self.ready or len(timed) < 2:
            return False
        if timed[1][0] > position and (len(timed) == 2 or timed[2][0] > position):
            return False
        ready = self.ready
        for _ in range(max(_FEW, len(timed) >> 3)):
            if not timed or timed[0][0] > position:
                break
            entry = timed[0]
            if entry[2].entry is entry:
                # In this order: an interruption may leave it in both places, which does no harm.
                ready.append(entry)
            heappop(timed)
        else:
            # They are many. A heap that mostly grew in order is nearly sorted, and a sorted list is a heap.
            timed.sort()
            count = bisect_left(timed, position + 1, key=itemgetter(0))
            ready.extend(e for e in timed[:count] if e[2].entry is e)
            del timed[:count]
        return len(ready) > 1

    def behind(self, most: int) -> list[Participant]:
        """Return the first of those that were taken out and wait still, in order."""
        return list(islice((entry[2] for entry in self.ready if entry[2].entry is entry), most))

    def _probed(self, participant: Participant, position: int) -> int:
        """Return when a participant with a probe is due, as far as that is known."""
        assert participant.probe is not None
        base = participant.base
        due = participant.probe() - base
        if participant.due != UNKNOWN:
            due = participant.due - base
        elif due > position:
            return due
        # What has come stays until it is taken.
        del self.probing[participant]
        self.time(participant, due)
        return due

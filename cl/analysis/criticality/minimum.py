"""The minimum of a function of one number, as `scipy.optimize.fmin` finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_TOLERANCE: Final = 1e-4
_MOST: Final = 200
"""Calls of the function, and steps."""


class _Spent(Exception):
    """The function was called as often as it may be."""


class _Simplex:
    """Two points and their values, the better one first (Nelder & Mead 1965, Comput J 7:308)."""

    def __init__(self, function: Callable[[float], float], start: float) -> None:
        self._function = function
        self._calls = 0
        self.best, self.worst = start, (1 + 0.05) * start
        self.f_best, self.f_worst = self._call(self.best), self._call(self.worst)
        self.sort()

    def _call(self, x: float) -> float:
        if self._calls >= _MOST:
            raise _Spent
        self._calls += 1
        return self._function(x)

    def is_small(self) -> bool:
        """Return whether the two points and their values are as good as the same."""
        return abs(self.worst - self.best) <= _TOLERANCE and abs(self.f_best - self.f_worst) <= _TOLERANCE

    def is_spent(self) -> bool:
        """Return whether the function may not be called again."""
        return self._calls >= _MOST

    def sort(self) -> None:
        """Let the better point be first."""
        if self.f_worst < self.f_best:
            self.best, self.worst = self.worst, self.best
            self.f_best, self.f_worst = self.f_worst, self.f_best

    def step(self) -> None:
        """Replace the worse point."""
        best, worst = self.best, self.worst
        reflected = 2 * best - worst
        f = self._call(reflected)
        if f < self.f_best:
            further = 3 * best - 2 * worst
            f_further = self._call(further)
            self.worst, self.f_worst = (further, f_further) if f_further < f else (reflected, f)
            return
        outside = f < self.f_worst
        nearer = 1.5 * best - 0.5 * worst if outside else 0.5 * best + 0.5 * worst
        f_nearer = self._call(nearer)
        if f_nearer <= f if outside else f_nearer < self.f_worst:
            self.worst, self.f_worst = nearer, f_nearer
        else:
            self.worst = best + 0.5 * (worst - best)
            self.f_worst = self._call(self.worst)


def fmin(function: Callable[[float], float], start: float) -> float:
    """Return what `scipy.optimize.fmin(function, start, disp=False)` does, for a start other than 0.

    Its steps, tolerances and order of operations: the same number, in a fraction of the time that arrays of
    one number take.
    """
    simplex = _Simplex(function, start)
    steps = 1
    while not simplex.is_spent() and steps < _MOST and not simplex.is_small():
        try:
            simplex.step()
        except _Spent:
            pass
        steps += 1
        simplex.sort()
    return simplex.best

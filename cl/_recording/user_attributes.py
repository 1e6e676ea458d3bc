"""The attributes that a program gives to a recording or a data stream."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from cl._core.reentry_lock import ReentryLock


class UserAttributes:
    """Attributes by name, checked when they are set: whatever is in here a file can hold.

    May be used from any thread.
    """

    def __init__(self, attributes: Mapping[str, Any] | None) -> None:
        """Take a copy; `TypeError` or `ValueError` for what no file can hold."""
        self._current = _checked({}, attributes)
        self._changing = ReentryLock()
        self._is_frozen = False

    def current(self) -> dict[str, Any]:
        """Return a copy of the attributes as they stand."""
        return deepcopy(self._current)

    def update(self, attributes: Mapping[str, Any]) -> bool:
        """Set some; return False if they cannot be changed any more. An error changes nothing."""
        self._changing.refuse_reentry()
        with self._changing:
            updated = _checked(self._current, attributes)
            if not self._is_frozen:
                self._current = updated
            return not self._is_frozen

    def frozen(self) -> dict[str, Any]:
        """Return the attributes, which do not change any more."""
        with self._changing:
            self._is_frozen = True
            return self._current


def _checked(known: dict[str, Any], more: Mapping[str, Any] | None) -> dict[str, Any]:
    from cl._store.write.attributes import pickled, plain_dict

    updated = {**known, **plain_dict(more)}
    pickled("application", updated)
    return updated

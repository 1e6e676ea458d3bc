"""One open of a device, from entering its block to leaving it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cl._current import devices

from .control import Share
from .session import Session

if TYPE_CHECKING:
    from cl._current import Place

    from .targets import Target


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """What a program asks for when it opens a device."""

    target: Callable[[], Target]
    """Says which device, when the block is entered."""
    take_control: bool
    wait_until_recordable: bool
    rest_collector: bool
    culture: dict[str, Any] | None = None
    """What it says of the culture; None: what the environment says."""
    stim_watchdog_seconds: float | None = None
    """How long the program may leave the device alone; None: what the environment says."""


class Visit:
    """Opens a device, or joins one that is open, and leaves it again.

    An interruption may come between any two steps of `enter`: `leave` puts back what has been done by then.
    """

    def __init__(self, request: OpenRequest) -> None:
        self._request = request
        self._key: Hashable = None
        self._opened: Session | None = None
        """The session, where this visit has opened it: with it the device is closed."""
        self._share: Share | None = None

    def enter(self) -> Session:
        """Open, or join what is open. May take a while. To be left, also where this is interrupted."""
        request = self._request
        target = request.target()
        self._key = target.key
        place = devices.enter(target.key, self)
        with place.lock:
            session = self._joined(place) or self._open(place, target)
            self._check_culture(session)
        outermost = self._opened is not None
        self._share = Share(session, outermost)
        self._share.take(request.take_control, request.rest_collector)
        if outermost:
            session.engine.on_opened()
        if outermost and request.wait_until_recordable:
            session.neurons.wait_until_recordable()
        if outermost:
            session.watch(request.stim_watchdog_seconds)
        else:
            session.check_watched(request.stim_watchdog_seconds)
        return session

    def _joined(self, place: Place) -> Session | None:
        """Return what is open. RuntimeError where what is called to open it opens it itself.

        That is a source's factory, or a signal handler.
        """
        if place.opening:
            raise RuntimeError(
                "the device is being opened by this very thread: it cannot be opened meanwhile"
            )
        session = cast("Session | None", place.session)
        if session is None or not session.closed:
            return session
        # One device, and one source: the next begins when the former has ended.
        session.finish()
        return None

    def _open(self, place: Place, target: Target) -> Session:
        place.opening = True
        try:
            self._opened = session = Session(*target.build(), self._request.culture)
            session.open()
            place.session = session
        finally:
            place.opening = False
        return session

    def _check_culture(self, session: Session) -> None:
        """Raise RuntimeError where the device is open with another culture."""
        wanted, known = self._request.culture, session.engine.device.info.culture
        if wanted is not None and wanted != known:
            raise RuntimeError(f"culture={wanted!r}: the device is open already, with the culture {known!r}")

    def leave(self) -> None:
        """Leave the device, and close it if it was opened here. Again: nothing."""
        try:
            if self._share is not None:
                self._share.give_back()
        finally:
            try:
                if self._opened is not None:
                    self._close(self._opened)
            finally:
                devices.leave(self._key, self)

    def _close(self, session: Session) -> None:
        try:
            session.close()
        finally:
            session.finish()
            devices.forget(self._key, session)

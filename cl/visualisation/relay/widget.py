"""The widget that a notebook shows: it finds out by itself which way its page comes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from cl._current import devices
from cl.visualisation.server.throttle import Throttle
from cl.visualisation.server.web_folder import WEB_FOLDER

from .frame import Frame

if TYPE_CHECKING:
    from cl.visualisation.server.frame import Size
    from cl.visualisation.server.server import VisualiserServer


def can_show() -> bool:
    """Return whether this is a notebook's kernel in which anywidget is installed (the extra `jupyter`)."""
    if "ipykernel" not in sys.modules:
        return False
    try:
        import anywidget  # noqa: F401
        from ipykernel.kernelbase import Kernel
    except ImportError:
        return False
    return bool(Kernel.initialized())


class Frames:
    """What a widget's frames say, of which there is one for each place where it is shown."""

    def __init__(
        self,
        server: VisualiserServer,
        page: Callable[[], str],
        send: Callable[[dict[str, Any], list[bytes] | None], None],
        events: Any,
    ) -> None:
        self._server = server
        self._page = page
        self._send = send
        self._frames: dict[str, Frame] = {}
        self._heard_in = copy_context()
        """Where a message was heard: what is sent as an answer has the next one heard in the same thread."""
        if server.throttle is None:
            server.throttle = Throttle()
        self._throttle: Throttle = server.throttle
        events.register("pre_execute", self._cell_begins)
        events.register("post_execute", self._cell_ends)

    def hear(self, content: Any) -> None:
        """Take a message of a frame, in whatever thread the kernel has for that."""
        if not isinstance(content, dict) or not isinstance(content.get("view"), str):
            return
        view = content["view"]
        self._heard_in = copy_context()
        frame = self._frames.get(view)
        if frame is None:
            if content.get("gone"):
                return
            self._forget_those_that_went()
            frame = self._frames[view] = self._made(view)
            if not content.keys() & {"page", "open"}:
                # It was forgotten, and is looked at again.
                self._send({"view": view, "again": True}, None)
        frame.hear(content, deaf=threading.current_thread() is threading.main_thread())
        if content.get("gone"):
            self._frames.pop(view, None)

    def _forget_those_that_went(self) -> None:
        for view, frame in tuple(self._frames.items()):
            if not frame.lease.holds():
                frame.leave()
                self._frames.pop(view, None)

    def _made(self, view: str) -> Frame:
        def tell(content: dict[str, Any], data: bytes | None) -> None:
            try:
                buffers = None if data is None else [data]
                self._heard_in.copy().run(self._send, {**content, "view": view}, buffers)
            except Exception:  # the notebook has gone, or the kernel is about to
                frame.lease.end()

        frame = Frame(self._server, self._throttle, self._page, tell)
        return frame

    def _cell_begins(self) -> None:
        for frame in tuple(self._frames.values()):
            frame.lease.cell_begins()

    def _cell_ends(self) -> None:
        for frame in tuple(self._frames.values()):
            frame.lease.cell_ends()


def show(
    server: VisualiserServer,
    url: str,
    page: Callable[[], str],
    size: Size,
    title: str,
    sidebar: bool,
    tall: bool,
    instead: str,
) -> None:
    """Show a page of the server below the cell, or beside the notebook (over its whole height if `tall`).

    `page` makes what is shown where the browser does not reach `url`; `instead` is HTML for where widgets are
    not shown.
    """
    import anywidget
    import traitlets
    from IPython import get_ipython
    from IPython.display import display

    class Visualiser(anywidget.AnyWidget):
        _esm = (WEB_FOLDER / "notebook.js").read_text("utf-8")
        shown = traitlets.Dict().tag(sync=True)

    if devices.page is None or not devices.page.alive:
        # What is shown goes on with the devices that are opened later.
        server.keep()
    widget: Any = Visualiser(
        shown={
            "url": url,
            "probe": f"{server.url}/here/{server.mark}",
            "mark": server.mark,
            "style": size.style(),
            "title": title,
            "follow": size.follows,
            "sidebar": sidebar,
            "tall": tall,
        }
    )
    frames = Frames(server, page, widget.send, get_ipython().events)
    widget.on_msg(lambda _, content, buffers: frames.hear(content))
    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    show_it: Any = display
    show_it({**data, "text/html": instead, "text/plain": title}, raw=True)

"""The part of `Neurons` that puts remarks into what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cl._core.device_log import Happening, LogKind
from cl._core.noting import note

from .time import TimeMethods

if TYPE_CHECKING:
    from collections.abc import Callable


LONGEST: Final = 64 << 10
"""Bytes of a remark's text, and of its fields."""


class AnnotatingMethods(TimeMethods):
    """`annotate`."""

    _annotation_url: Callable[[], str | None] = staticmethod(lambda: None)

    def annotate(self, text: str, /, **fields: Any) -> int:
        """Put a remark at the present into every recording that runs; return its timestamp.

        `fields` are further values, of types that data streams take. It is in `view.annotations`, on the live
        page's timeline, and in exports. `TypeError` or `ValueError` for what cannot be kept: text and fields
        may take 64 KiB each.
        """
        from cl._store.packing import pack

        self._engine.check()
        if not isinstance(text, str):
            raise TypeError(f"an annotation is a text, not {text!r}")
        if not text.strip():
            raise ValueError("an annotation needs a text that is not empty")
        packed = pack(fields) if fields else b""
        for what, size in (("text", len(text.encode("utf-8", "replace"))), ("fields", len(packed))):
            if size > LONGEST:
                raise ValueError(f"an annotation's {what} takes {size} bytes; at most {LONGEST} are possible")
        timestamp = self._present()
        note(self._engine, Happening(timestamp, LogKind.ANNOTATION, text, fields=packed))
        return timestamp

    @property
    def annotation_url(self) -> str | None:
        """Where the live page is with the right to annotate (the key N); None where there is no page.

        Who has it can put remarks into recordings, and do nothing else to the device.
        """
        return self._annotation_url()

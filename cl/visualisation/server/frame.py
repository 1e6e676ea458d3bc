"""The HTML that shows a page within another page."""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass
from typing import Final

Ratio = float | str
"""Width by height: a number, or a text such as "16/9"."""
_HEIGHT: Final = 400
_RATIO: Final = re.compile(r"\d+(\.\d+)?( ?/ ?\d+(\.\d+)?)?", re.ASCII)
# A page tells its own height; what others say, or what is no height, changes nothing.
_FOLLOW: Final = """<script>
if (!window.clVisualiserFrames) {
  window.clVisualiserFrames = true;
  addEventListener("message", ({ source, data }) => {
    const height = data && data.clVisualiserHeight;
    if (!Number.isFinite(height)) return;
    for (const frame of document.querySelectorAll(".cl-visualiser > iframe[data-follow]")) {
      if (frame.contentWindow === source) frame.style.height = `${Math.min(4000, Math.max(40, height))}px`;
    }
  });
}
</script>"""
_OFF: Final = "The data visualiser is off (CL_SDK_VISUALISATION=0)."


@dataclass(frozen=True)
class Size:
    """How large a frame is: pixels or CSS lengths, or a width and a ratio; 400 pixels high without either.

    TypeError and ValueError for what is neither, and where a height and a ratio are given.
    """

    width: int | str = "100%"
    height: int | str | None = None
    aspect_ratio: Ratio | None = None

    def __post_init__(self) -> None:
        if self.height is not None and self.aspect_ratio is not None:
            raise ValueError(
                f"height={self.height!r} and aspect_ratio={self.aspect_ratio!r}: one can be given"
            )
        self.style()

    @property
    def follows(self) -> bool:
        """Whether the height is to be that of what is in the frame."""
        return self.height is None and self.aspect_ratio is None

    def style(self) -> str:
        """Return it as CSS."""
        if self.aspect_ratio is None:
            height = f"height:{_length(_HEIGHT if self.height is None else self.height)}"
        else:
            height = f"aspect-ratio:{_ratio(self.aspect_ratio)}"
        return f"width:{_length(self.width)};{height};border:0;display:block"


def frame(url: str, size: Size, title: str, follow: bool = False) -> str:
    """Return the HTML that shows the page under a URL.

    With `follow` its height follows what is in it, where the size says nothing about it and scripts may run.
    """
    if not follow or not size.follows:
        return _frame(f'src="{html.escape(url)}"', size, title)
    return _frame(f'src="{html.escape(url)}" data-follow', size, title) + _FOLLOW


def frame_without_data(size: Size) -> str:
    """Return the HTML that says that there is nothing to show."""
    text = f"<p style='font-family:system-ui,sans-serif'>{_OFF}</p>"
    return _frame(f'srcdoc="{html.escape(text)}"', size, "Visualiser")


def _frame(source: str, size: Size, title: str) -> str:
    return (
        f'<div class="cl-visualiser"><iframe {source} title="{html.escape(title)}" '
        f'style="{html.escape(size.style())}" referrerpolicy="no-referrer"></iframe></div>'
    )


def _length(value: int | str) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"a width or height is a number of pixels or a CSS length, not {value!r}")
    text = f"{value}px" if isinstance(value, int) else value
    if not text or not all(c.isalnum() or c in ".%" for c in text):
        raise ValueError(f"a width or height is a number of pixels or a CSS length, not {value!r}")
    return text


def _ratio(value: Ratio) -> str:
    if isinstance(value, str):
        is_one = _RATIO.fullmatch(value) is not None
    else:
        is_one = not isinstance(value, bool) and math.isfinite(value) and value > 0
    if not is_one:
        raise ValueError(f"aspect_ratio is a number above 0 or a text such as '16/9', not {value!r}")
    return str(value)

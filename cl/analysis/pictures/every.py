"""All pictures by name: their numbers, and what draws them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import drawing
from .activity_map import ActivityMap, activity_map
from .figures import drawn
from .isi import Isi, isi
from .psth import Psth, psth
from .rates import Rates, rates
from .stream_values import StreamValues, data_stream
from .waveforms import Waveforms, waveforms

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from cl._store.read.analysable import Analysable

    from .numbers import Numbers


def numbers_of(view: Analysable, name: str, *arguments: Any, **keywords: Any) -> Numbers:
    """Return the numbers of the picture of a name."""
    kinds: dict[str, Any] = {
        "activity_map": activity_map,
        "data_stream": data_stream,
        "isi": isi,
        "psth": psth,
        "rates": rates,
        "waveforms": waveforms,
    }
    found: Numbers = kinds[name](view, *arguments, **keywords)
    return found


def picture_of(numbers: Numbers, save_path: str | os.PathLike[str] | None, ax: Axes | None) -> Axes:
    """Draw numbers, into given axes or a figure of their own, which is shown, or saved; return the axes."""
    draw, size = draw_numbers(numbers)
    return drawn(draw, size, save_path, ax)


def draw_numbers(numbers: Numbers) -> tuple[Callable[[Axes], None], tuple[float, float]]:
    """Return what draws numbers into axes, and the size that their figure should have, in inches."""
    kinds: dict[type[Any], tuple[Any, tuple[float, float]]] = {
        ActivityMap: (drawing.draw_activity_map, (6.5, 5.5)),
        Isi: (drawing.draw_isi, (8, 3.5)),
        Psth: (drawing.draw_psth, (8, 3.5)),
        Rates: (drawing.draw_rates, (10, 5)),
        StreamValues: (drawing.draw_stream_values, (10, 3.5)),
        Waveforms: (drawing.draw_waveforms, (7, 6)),
    }
    draw, size = kinds[type(numbers)]
    return partial(draw, numbers), size

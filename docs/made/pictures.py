"""The pictures of the documentation, drawn from what the package does."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import cl
from cl._values.constants import GROUNDED, REFERENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#1f2937"
TEAL: Final = "#0d9488"
AMBER: Final = "#d97706"
GREY: Final = "#9ca3af"


def drawn(width: float, height: float, draw: Callable[[Axes], None]) -> bytes:
    """Return what `draw` draws as SVG, the same bytes each time, on a light ground in both schemes."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "cl-aio", "font.size": 9, "text.color": INK}):
        figure: Figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def electrodes() -> bytes:
    """Draw the array: where each channel lies, and which ones are special."""

    def draw(axes: Axes) -> None:
        for channel in range(64):
            column, row = divmod(channel, 8)
            special = GREY if channel in GROUNDED else AMBER if channel == REFERENCE else TEAL
            axes.scatter(column, row, 420, special)
            axes.text(column, row, str(channel), ha="center", va="center", color="white", fontsize=9)
        axes.set(xlim=(-0.6, 7.6), ylim=(7.6, -0.6), aspect="equal", xlabel="column", ylabel="row")
        axes.set_title("grey: grounded; amber: the reference", fontsize=9)
        axes.spines[:].set_visible(False)

    return drawn(4.6, 4.6, draw)


def pulse() -> bytes:
    """Draw a stim as it is delivered: the notice, the phases, the rest of the period."""
    design = cl.StimDesign(160, -1.0, 160, 1.0)

    def draw(axes: Axes) -> None:
        times, currents = [0.0, 80.0], [0.0, 0.0]
        at = 80.0
        for duration, current in zip(design.phase_durations_us, design.phase_currents_uA, strict=True):
            times += [at, at + duration]
            currents += [current, current]
            at += duration
        axes.plot([*times, at, 600], [*currents, 0, 0], color=TEAL, lw=2)
        axes.axvspan(0, 80, color=GREY, alpha=0.3, lw=0)
        axes.annotate("notice, 80 µs", (40, 0.5), ha="center", rotation=90, va="center")
        axes.annotate("its timestamp", (80, -1.02), (150, -1.35), arrowprops={"arrowstyle": "->"})
        axes.set(xlabel="µs after the command", ylabel="µA", ylim=(-1.6, 1.3), xlim=(0, 600))
        axes.set_title(f"{design!r}", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)

    return drawn(6, 2.8, draw)


def plan() -> bytes:
    """Draw a plan with a sync: two bursts, and what waits for both."""
    package: Any = cl
    simulator = package.sim.Simulator("random", seed=1, accelerated=True, visualisation=False)
    with cl.open(device=simulator) as neurons:
        made = neurons.create_stim_plan()
        made.stim(8, 1.0, cl.BurstDesign(4, 50))
        made.stim(9, 1.0, cl.BurstDesign(2, 100))
        made.sync(cl.ChannelSet(8, 9, 10))
        made.stim(10, 1.0)
        preview = made.preview()

    def draw(axes: Axes) -> None:
        for row, channel in enumerate(preview.channels.values()):
            times = [step / 50 for step in channel.pulse_steps]
            axes.scatter(times, [row] * len(times), 160, TEAL, marker="|", linewidths=3)
        axes.axvline(preview.channels[10].first_step / 50 - 0.08, color=AMBER, ls=":")
        axes.annotate("sync", (preview.channels[10].first_step / 50 + 1, 0.4), color=AMBER)
        axes.set(
            yticks=range(3),
            yticklabels=[f"channel {c}" for c in preview.channels],
            xlabel="ms",
            ylim=(2.5, -0.5),
        )
        axes.spines[["top", "right"]].set_visible(False)

    return drawn(6, 2, draw)


PICTURES: Final[dict[str, Callable[[], bytes]]] = {"electrodes": electrodes, "plan": plan, "pulse": pulse}
"""By the name of the file."""

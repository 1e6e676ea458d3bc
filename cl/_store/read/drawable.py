"""What views of recordings have to be drawn; the numbers and pictures themselves are in `cl.analysis`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from cl._values.upwards import from_above

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

    from cl._stim.designs import StimDesign

    _Path: TypeAlias = str | os.PathLike[str]
    _Channels: TypeAlias = Iterable[int] | int


class Drawable:
    """A view of which pictures are drawn: each as its numbers, and as a picture of them.

    All are of the spikes within `analysis_timestamp_limit`. `channels`: None stands for all. `blank_sec`: so
    long from each stim on, of any channel, its artifact covers the spikes: they are left out, and the time
    does not count as observed. Numbers need nothing but numpy; a picture needs `cl-aio[plot]`. A picture
    shows itself unless it goes to `save_path` or into given axes `ax`, and returns its axes. Errors of
    arguments are TypeError and ValueError, before anything is computed.
    """

    def psth(
        self,
        channels: _Channels | None = None,
        before_sec: float = 0.1,
        after_sec: float = 0.5,
        bin_size_sec: float = 0.005,
        *,
        stim_channels: _Channels | None = None,
        design: StimDesign | None = None,
        blank_sec: float = 0.0,
    ) -> Any:
        """Return the peri-stimulus time histogram, a `cl.analysis.Psth`: spikes by their lag to stims.

        Of the stims on `stim_channels`, and of `design` if one is given; those of one frame are one. Bins
        begin at the stim, and go on to both sides as far as `before_sec` and `after_sec` reach.
        """
        return from_above("numbers_of")(
            self,
            "psth",
            channels,
            before_sec,
            after_sec,
            bin_size_sec,
            stim_channels=stim_channels,
            design=design,
            blank_sec=blank_sec,
        )

    def plot_psth(
        self,
        channels: _Channels | None = None,
        before_sec: float = 0.1,
        after_sec: float = 0.5,
        bin_size_sec: float = 0.005,
        *,
        stim_channels: _Channels | None = None,
        design: StimDesign | None = None,
        blank_sec: float = 0.0,
        save_path: _Path | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Plot what `psth` returns: the channels' mean rate by lag, and each one's where they are few."""
        numbers = self.psth(
            channels,
            before_sec,
            after_sec,
            bin_size_sec,
            stim_channels=stim_channels,
            design=design,
            blank_sec=blank_sec,
        )
        return from_above("picture_of")(numbers, save_path, ax)  # type: ignore[no-any-return]

    def isi(
        self,
        channels: _Channels | None = None,
        max_sec: float = 0.5,
        bin_size_sec: float = 0.005,
        *,
        blank_sec: float = 0.0,
    ) -> Any:
        """Return histograms of inter-spike intervals up to `max_sec`, a `cl.analysis.Isi`.

        An interval in which something is blanked, or recordings change, is none.
        """
        return from_above("numbers_of")(self, "isi", channels, max_sec, bin_size_sec, blank_sec=blank_sec)

    def plot_isi(
        self,
        channels: _Channels | None = None,
        max_sec: float = 0.5,
        bin_size_sec: float = 0.005,
        *,
        blank_sec: float = 0.0,
        save_path: _Path | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Plot what `isi` returns: the intervals of all the channels together."""
        numbers = self.isi(channels, max_sec, bin_size_sec, blank_sec=blank_sec)
        return from_above("picture_of")(numbers, save_path, ax)  # type: ignore[no-any-return]

    def rates(
        self, channels: _Channels | None = None, bin_size_sec: float = 1.0, *, blank_sec: float = 0.0
    ) -> Any:
        """Return firing rates by channel and bin in Hz, a `cl.analysis.Rates`.

        Unlike those of `analyse_firing_stats`, they are divided by how long each bin was observed.
        """
        return from_above("numbers_of")(self, "rates", channels, bin_size_sec, blank_sec=blank_sec)

    def plot_rates(
        self,
        channels: _Channels | None = None,
        bin_size_sec: float = 1.0,
        *,
        blank_sec: float = 0.0,
        save_path: _Path | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Plot what `rates` returns: channels over time, rates as colours."""
        numbers = self.rates(channels, bin_size_sec, blank_sec=blank_sec)
        return from_above("picture_of")(numbers, save_path, ax)  # type: ignore[no-any-return]

    def waveforms(self, channels: _Channels | None = None, *, blank_sec: float = 0.0) -> Any:
        """Return mean, spread and count of each channel's waveforms in µV, a `cl.analysis.Waveforms`."""
        return from_above("numbers_of")(self, "waveforms", channels, blank_sec=blank_sec)

    def plot_waveforms(
        self,
        channels: _Channels | None = None,
        *,
        blank_sec: float = 0.0,
        save_path: _Path | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Plot what `waveforms` returns: at the electrodes' places, or over time where they are few."""
        numbers = self.waveforms(channels, blank_sec=blank_sec)
        return from_above("picture_of")(numbers, save_path, ax)  # type: ignore[no-any-return]

    def activity_map(self, *, blank_sec: float = 0.0) -> Any:
        """Return the firing rates on the electrode grid in Hz, a `cl.analysis.ActivityMap`."""
        return from_above("numbers_of")(self, "activity_map", blank_sec=blank_sec)

    def plot_activity_map(
        self, *, blank_sec: float = 0.0, save_path: _Path | None = None, ax: Axes | None = None
    ) -> Axes:
        """Plot what `activity_map` returns: the grid, rates as colours."""
        numbers = self.activity_map(blank_sec=blank_sec)
        return from_above("picture_of")(numbers, save_path, ax)  # type: ignore[no-any-return]

    def data_stream(self, name: str) -> Any:
        """Return the numbers in a data stream's entries over time, a `cl.analysis.StreamValues`.

        Numbers, and those in dictionaries and lists, one level deep.
        """
        return from_above("numbers_of")(self, "data_stream", name)

    def plot_data_stream(self, name: str, *, save_path: _Path | None = None, ax: Axes | None = None) -> Axes:
        """Plot what `data_stream` returns: each series over time."""
        return from_above("picture_of")(self.data_stream(name), save_path, ax)  # type: ignore[no-any-return]

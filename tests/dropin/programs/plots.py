"""Plots take their arguments by name and by position, and show themselves unless given a path or axes."""

import os

import showing_backend
from matplotlib import pyplot
from matplotlib.figure import Figure

import cl

pyplot.switch_backend("module://showing_backend")
shown = showing_backend.shown
del shown[:]

with cl.open() as neurons:
    recording = neurons.record(stop_after_seconds=1)
    neurons.stim(8, 1.0)
    recording.wait_until_stopped()
with recording.open() as view:
    spike = view.spikes[0]
    axes = view.plot_spike(spike, figsize=(3, 2), title="one")
    assert isinstance(axes.figure, Figure)
    print(axes.get_xlabel(), axes.figure.get_size_inches().tolist(), shown)
    view.plot_spike(spike, (3, 2), None, "spike.png")
    view.plot_spike((5, 6, spike["samples"]), save_path="tuple.png")
    view.plot_spikes_and_stims(figsize=(4, 3), title="all", limit_to_time_range_secs=(0, 1))
    view.plot_spikes_and_stims((4, 3), None, "raster.png", (0, 1), [8, 9])
    print(sorted(name for name in os.listdir() if name.endswith(".png")), shown)
pyplot.close("all")

# prints:
#   one [3.0, 2.0] [True]
#   ['raster.png', 'spike.png', 'tuple.png'] [True, True]

"""`plot_spike` is imported from `cl.util.plot`, and is a static method of RecordingView."""

import numpy as np
from matplotlib import pyplot

import cl
from cl.util.plot import plot_spike, uV_formatter

spike = cl.Spike(7, 9, 0.0, np.linspace(-1, 1, 75, dtype=np.float32))
plot_spike(spike)
axes = pyplot.gcf().axes[0]
print(axes.get_xlabel(), max(np.size(line.get_xdata()) for line in axes.lines), uV_formatter(20.0, 0))
print(type(cl.RecordingView.plot_spike(spike)).__name__)
pyplot.close("all")

# prints:
#   Spike on Channel 9 at Timestamp 7 75 20.0 µV
#   Axes
# cl-sdk prints:
#   plot_spike is deprecated, use RecordingView.plot_spike() instead
#   Spike on Channel 9 at Timestamp 7 75 20.0 µV
#   Axes
# because: the function of the module is not deprecated in ours

"""Spikes, stims and results that a program makes itself, for its tests."""

import numpy as np

import cl
from cl.sim import DataSourceSpike, DataSourceStim

samples = np.zeros(75, np.float32)
print(cl.Spike(5, 8, 1.5, samples).channel_mean_sample, cl.Spike(5, 8, 1.5, samples).samples.shape)
print(cl.Spike(timestamp=5, channel=8, channel_mean_sample=1.5, samples=samples).timestamp)
result = cl.DetectionResult(10, 20)
print(result.start_timestamp, result.stop_timestamp, len(result.spikes), len(result.stims))
print(len(cl.DetectionResult(start_timestamp=1, stop_timestamp=2, spikes=[], stims=[]).spikes))
stim = DataSourceStim(5, 8)
print(stim.timestamp, stim.channel, stim.intended_timestamp, len(stim.phase_durations_us), stim.duration_us)
print(DataSourceSpike(5, 8).samples, DataSourceSpike(timestamp=5, channel=8).channel_mean_sample)

# prints:
#   1.5 (75,)
#   5
#   10 20 0 0
#   0
#   5 8 None 0 0
#   None None

"""The parts of `Neurons`: control, recordings, streams."""

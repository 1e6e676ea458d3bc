"""What is drawn of a recording first: histograms, rates, waveforms, maps, as numbers and as pictures."""

from __future__ import annotations

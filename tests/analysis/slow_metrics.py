"""The metrics as one would write them down: loops over spikes and bins, exact numbers, no array tricks."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations, pairwise
from statistics import fmean
from typing import Any

CHANNELS = range(64)
SILENT = (0, 4, 7, 56, 63)
RATE = 25_000

Rows = list[tuple[int, int]]


class Slow:
    """A window [first, last) of a recording's rows (timestamp, channel)."""

    def __init__(self, rows: Rows, duration: int, limit: tuple[int, int] | None = None) -> None:
        self.first, self.last = limit or (0, duration)
        self.frames = self.last - self.first
        self.rows = [(t - self.first, c) for t, c in rows if self.first <= t < self.last and t < duration]
        self.end = max((t for t, _ in rows), default=-1) - self.first

    def train(self, channel: int) -> list[int]:
        return sorted({t for t, c in self.rows if c == channel})

    def bins(self, size: int, frames: int | None = None) -> int:
        frames = self.frames if frames is None else frames
        return sum(1 for _ in range(0, frames, size))

    def counts(self, channel: int, size: int) -> list[int]:
        counter = Counter(t // size for t, c in self.rows if c == channel)
        return [counter[i] for i in range(self.bins(size))]


def floored(seconds: float) -> int:
    return math.floor(Fraction(str(seconds)) * RATE)


def rounded(seconds: float) -> int:
    return max(1, round(Fraction(str(seconds)) * RATE))


def variance(values: list[Any]) -> float:
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values)


def firing(slow: Slow, seconds: float) -> dict[str, Any]:
    size = floored(seconds)
    counts = [slow.counts(channel, size) for channel in CHANNELS]
    intervals = []
    for channel in CHANNELS:
        train = slow.train(channel)
        intervals.append([(b - a) / RATE for a, b in pairwise(train)])
    means = [fmean(row) for row in counts]
    isi_means = [fmean(isi) if isi else 0.0 for isi in intervals]
    having = [mean for mean, isi in zip(isi_means, intervals, strict=True) if isi]
    return {
        "firing_counts": counts,
        "firing_rates": [[n / seconds for n in row] for row in counts],
        "channel_mean_firing_rates": means,
        "channel_var_firing_rates": [variance(row) for row in counts],
        "culture_mean_firing_rates": fmean(means),
        "culture_var_firing_rates": fmean(variance(row) for row in counts),
        "culture_max_firing_rates": float(max(n for row in counts for n in row)),
        "channel_ISI": intervals,
        "channel_ISI_mean": isi_means,
        "channel_ISI_var": [variance(isi) if isi else 0.0 for isi in intervals],
        "culture_ISI_mean": fmean(having) if having else math.nan,
        "culture_ISI_var": variance(having) if having else math.nan,
    }


def bursts(slow: Slow, seconds: float, onset: float, offset: float, active: int | None) -> dict[str, Any]:
    size = floored(seconds)
    distinct = sorted(set(slow.rows))
    on = (onset * (64 if active is None else active)) / (1 / seconds)
    off = (offset * (64 if active is None else active)) / (1 / seconds)
    counter = Counter(t // size for t, _ in distinct)
    counts = [counter[i] for i in range(slow.bins(size))]
    found: list[tuple[int, int]] = []
    start = None
    for i, n in enumerate(counts):
        if start is None and n >= on:
            start = i * size
        elif start is not None and n < off:
            found.append((start, i * size))
            start = None
    if start is not None:
        found.append((start, slow.frames))
    durations = [(b - a) / RATE for a, b in found]
    return {
        "bursts": [list(burst) for burst in found],
        "network_burst_count": len(found),
        "network_burst_durations_sec": durations,
        "network_burst_spike_counts": [sum(a <= t < b for t, _ in distinct) for a, b in found],
        "total_network_burst_duration_sec": float(sum(durations)),
        "bin_boundaries_frames": [i * size for i in range(len(counts))],
        "firing_rate_per_channel_and_bin": [n / 64 / seconds for n in counts],
        "spike_frames_by_channel": {str(channel): slow.train(channel) for channel in CHANNELS},
    }


def entropy(slow: Slow, seconds: float, base: float | None) -> dict[str, Any]:
    size = rounded(seconds)
    active: dict[int, set[int]] = {}
    for t, c in slow.rows:
        active.setdefault(t // size, set()).add(c)
    found = []
    for i in range(slow.bins(size)):
        p = len(active.get(i, ())) / 64
        parts = [q * math.log(q) for q in (p, 1 - p) if q > 0]
        found.append(-sum(parts) / (1 if base is None else math.log(base)))
    return {"information_entropy_per_time_bin": found}


def complexity(slow: Slow, seconds: float, least: int, normalise: bool, binary: bool) -> dict[str, Any]:
    size = rounded(seconds)
    scores = []
    for channel in CHANNELS:
        sequence = tuple(min(n, 1) if binary else n for n in slow.counts(channel, size))
        kinds = 2 if binary else len(set(sequence))
        length = len(sequence)
        score = 0.0
        if length >= least and kinds > 1 and length:
            seen: set[tuple[int, ...]] = set()
            phrase: tuple[int, ...] = ()
            for symbol in sequence:
                phrase += (symbol,)
                if phrase not in seen:
                    seen.add(phrase)
                    phrase = ()
            score = float(len(seen))
            if normalise:
                score *= math.log(length) / math.log(kinds) / length
        scores.append([score])
    return {"lzc_scores_per_channel": scores}


def dct(slow: Slow, k: int) -> dict[str, Any]:
    def v(q: int, n: int) -> float:
        return (
            math.cos(0) / math.sqrt(2) if q == 0 else math.sqrt(2 / 8) * math.cos(math.pi / 8 * (n + 0.5) * q)
        )

    spikes = {c: len(slow.train(c)) for c in CHANNELS}
    features = {}
    for i in range(k):
        for j in range(k):
            terms = [n * v(i, c % 8) * v(j, c // 8) for c, n in spikes.items()]
            features[f"dct{i}{j}_firing"] = math.fsum(terms)
    return {"dct_features": features}


def histograms(
    slow: Slow, edges: list[float], start: float, end: float, most: int, least: float
) -> dict[str, Any]:
    rates = {}
    for channel in CHANNELS:
        rate = len(slow.train(channel)) / (slow.frames / RATE) if slow.frames else -1
        if channel not in SILENT and slow.frames and rate >= least:
            rates[channel] = rate
    top = sorted(rates, key=lambda channel: (rates[channel], channel))
    top = top[len(top) - min(most, len(top)) :]
    found = {}
    for x, y in combinations(top, 2):
        for base, target in ((x, y), (y, x)):
            counts = [0] * (len(edges) - 1)
            for b in slow.train(base):
                for t in slow.train(target):
                    tb, tt = b / RATE, t / RATE
                    if tb - start <= tt <= tb + end:
                        lag = tt - tb
                        for i in range(len(counts)):
                            is_last = i == len(counts) - 1
                            if edges[i] <= lag < edges[i + 1] or (is_last and lag == edges[i + 1]):
                                counts[i] += 1
            found[f"{base},{target}"] = counts
    return {"num_eligible_channels": len(top), "histograms": found}


def correlations(slow: Slow, seconds: float) -> list[list[float]]:
    size = floored(seconds)
    rows = [slow.counts(channel, size) for channel in CHANNELS]
    matrix = [[0.0] * 64 for _ in CHANNELS]
    varying = [c for c in CHANNELS if len(set(rows[c])) > 1]
    if len(varying) < 2:
        return matrix
    length = len(rows[0])
    for a, b in combinations(varying, 2):
        x, y = rows[a], rows[b]
        xy = length * sum(p * q for p, q in zip(x, y, strict=True)) - sum(x) * sum(y)
        xx = length * sum(p * p for p in x) - sum(x) ** 2
        yy = length * sum(q * q for q in y) - sum(y) ** 2
        matrix[a][b] = matrix[b][a] = xy / math.sqrt(xx) / math.sqrt(yy)
    return matrix


def avalanches(slow: Slow, seconds: float, percentile: float) -> dict[str, Any]:
    size = floored(seconds)
    frames = max(0, min(slow.frames, slow.end))
    activity = [0] * slow.bins(size, frames)
    for t, c in slow.rows:
        if t < frames and c not in SILENT:
            activity[t // size] += 1
    threshold = 0.0
    if activity:
        ordered = sorted(activity)
        place = percentile * (len(ordered) - 1)
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        threshold = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    runs: list[list[int]] = []
    gaps: list[int] = []
    gap = 0
    before = False
    for n in activity:
        if n > threshold:
            if not before:
                runs.append([])
                gaps.append(gap)
            runs[-1].append(n)
            gap = 0
        else:
            gap += 1
        before = n > threshold
    return {
        "activity_threshold": threshold,
        "avalanche_spike_counts": [sum(run) for run in runs],
        "avalanche_spike_counts_per_bin": runs,
        "avalanche_durations": [len(run) for run in runs],
        "inter_avalanche_durations": gaps[1:],
    }


def profiles(runs: list[list[int]], low: int, high: int) -> dict[str, Any]:
    durations = sorted({len(run) for run in runs if low <= len(run) <= high})
    found = []
    for duration in durations:
        shapes = [[n / sum(run) for n in run] for run in runs if len(run) == duration]
        found.append([fmean(column) for column in zip(*shapes, strict=True)])
    return {"unique_durations_within_threshold": durations, "mean_spike_counts_per_bin_by_duration": found}


def power_law(data: list[int], limit: float) -> tuple[float, float, float]:
    """Return exponent, beginning and distance of the power law of data, with scipy's minimum."""
    from scipy.optimize import fmin

    most = max(1, int(limit))
    best = (math.nan, float(most), math.inf)
    if not data or limit < 1:
        return best
    for least in range(1, min(most, max(data)) + 1):
        z = [x for x in data if x >= least]
        kinds = sorted(set(z))
        if len(kinds) < 2:
            continue
        logs = math.fsum(math.log(x) for x in z)

        def unlikelihood(p: Any, kinds: list[int] = kinds, logs: float = logs, n: int = len(z)) -> float:
            return float(p[0] * logs + n * math.log(math.fsum(u ** -float(p[0]) for u in kinds)))

        p = float(fmin(unlikelihood, 2.3, disp=False)[0])
        normaliser = math.fsum(u**-p for u in kinds)
        model, ks = 0.0, 0.0
        for u in range(least, max(z) + 1):
            model += u**-p
            ks = max(ks, abs(sum(x <= u for x in z) / len(z) - model / normaliser))
        if ks < best[2]:
            best = (p, float(least), ks)
    return best


def regression(x: list[int], y: list[int]) -> float:
    n = len(x)
    above = Fraction(n * sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y))
    return float(above / (n * sum(a * a for a in x) - sum(x) ** 2))


def bounds(data: list[int], limit: float) -> tuple[float, float, float]:
    """Return the bounds within which data follow a power law, and its distance."""
    top = max(data) ** 0.8
    rest = [x for x in data if x < top]
    above_one = sum(x > 1 for x in rest)
    if not above_one:
        return float(limit), top, math.inf
    enough = min(1 / math.sqrt(above_one), 0.1)
    high, low, ks, change = float(max(rest)), math.nan, 1.0, 1.0
    while ks > enough and change > 0.0005:
        exponent, low, found = power_law(rest, limit)
        if math.isnan(exponent):
            return float(limit), top, math.inf
        change, ks = abs(ks - found), found
        rest = [x for x in rest if x < high]
        if not rest:
            break
        high = float(max(rest))
    return low, high, ks


def collapse(shapes: list[list[float]]) -> float:
    """Return the first of the exponents 0, 0.001 … 1 at which ln v·T^2β spreads least; NaN without shapes."""
    logs = []
    for shape in shapes:
        length = len(shape)
        mean = sum(j / length * p for j, p in enumerate(shape, 1))
        spread = sum((j / length - mean) ** 2 * p for j, p in enumerate(shape, 1))
        if spread > 0:
            logs.append((math.log(spread), math.log(length)))
    if not logs:
        return math.nan
    if len({length for _, length in logs}) == 1:
        return 0.0
    exponents = [i * 0.001 for i in range(1001)]
    return min(exponents, key=lambda beta: variance([v + 2 * beta * length for v, length in logs]))


def bootstrap(shapes: list[list[float]], draws: int, seed: int) -> float:
    """Return the standard deviation of the exponent over draws of the shapes."""
    import numpy as np

    if len(shapes) < 2 or draws < 1:
        return math.nan
    random = np.random.RandomState(seed)
    every = range(len(shapes))
    chosen = [random.choice(every, size=len(shapes), replace=True).tolist() for _ in range(draws)]
    return math.sqrt(variance([collapse([shapes[i] for i in draw]) for draw in chosen]))


def scaling(result: Any) -> dict[str, Any]:
    """Return the scaling relation of a result's avalanches, between the bounds and exponents it has."""
    tau, alpha = result.tau_exponent_spike_counts, result.alpha_exponent_durations
    low = result.exclusion_bounds_durations[0]
    found: dict[int, list[int]] = {}
    for size, duration in zip(
        result.avalanche_sizes.tolist(), result.avalanche_durations.tolist(), strict=True
    ):
        if math.isfinite(tau) and math.isfinite(alpha) and tau != 1 and low < duration < low + 60:
            found.setdefault(duration, []).append(size)
    times = sorted(found)
    slope = predicted = math.nan
    if len(times) > 1:
        x, y = [math.log(t) for t in times], [math.log(fmean(found[t])) for t in times]
        mean_x, mean_y = fmean(x), fmean(y)
        above = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        slope = above / math.fsum((a - mean_x) ** 2 for a in x)
        predicted = (alpha - 1) / (tau - 1)
    return {
        "scaling_relation_time_values": times,
        "scaling_relation_exponent_fitted": slope,
        "scaling_relation_exponent_predicted": predicted,
        "deviation_from_criticality_coefficient": abs(predicted - slope),
        "avalanche_shape_collapse_error": abs(result.beta_exponent - slope),
    }

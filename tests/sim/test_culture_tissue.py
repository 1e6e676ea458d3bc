"""Where the neurons lie, what the electrodes hear, whom pulses reach, and how neurons are wired."""

from __future__ import annotations

import numpy as np
import pytest

from cl.sim.culture.config import CultureConfig
from cl.sim.culture.network import RECOVERY_MS, RELEASE, Network
from cl.sim.culture.plasticity import DEPRESSION, POTENTIATION, WINDOW_MS, Plasticity
from cl.sim.culture.random import normal_quantiles, stream, uniform, words
from cl.sim.culture.tissue import HEARING, UNITS_PER_CHANNEL, Tissue, electrode_positions, strength
from cl.sim.culture.wiring import DELAYS, Wiring


def test_the_array() -> None:
    places = electrode_positions()
    assert places.shape == (64, 2)
    # channel = row + 8 * column; x goes with the column, y with the row.
    assert places[0].tolist() == [0, 0]
    assert places[3].tolist() == [0, 600]
    assert places[8 * 5 + 3].tolist() == [1_000, 600]


@pytest.mark.parametrize("size", [10, 200, 1_000, 10_000])
def test_recorded_neurons_are_the_near_ones(size: int) -> None:
    tissue = Tissue(CultureConfig(size=size, seed=3, silent_channels=(20,)))
    units = tissue.units
    assert len(tissue.positions) == size
    assert len(np.unique(tissue.positions, axis=0)) == size
    apart = tissue.positions[:units] - electrode_positions()[tissue.unit_channel]
    assert np.allclose(np.hypot(*apart.T), tissue.unit_distance)
    assert np.all(tissue.unit_distance <= HEARING)
    counts = np.bincount(tissue.unit_channel, minlength=64)
    assert counts.max(initial=0) <= UNITS_PER_CHANNEL
    assert not counts[[0, 4, 7, 20, 56, 63]].any()
    # Nobody near enough was left out, but for lack of room.
    for channel in tissue.live_channels:
        distance = np.hypot(*(tissue.positions[units:] - electrode_positions()[channel]).T)
        assert counts[channel] == UNITS_PER_CHANNEL or not (distance <= HEARING).any()


def test_the_share_of_inhibition() -> None:
    assert Tissue(CultureConfig()).inhibitory.sum() == 200
    assert Tissue(CultureConfig(inhibitory_fraction=0)).inhibitory.sum() == 0


def test_excitability_falls_with_distance() -> None:
    tissue = Tissue(CultureConfig(silent_channels=(20,)))
    for channel in (0, 4, 7, 20, 56, 63):
        assert not tissue.excitability(channel).any()
    distance = np.hypot(*(tissue.positions - electrode_positions()[27]).T)
    order = np.argsort(distance)
    assert np.all(np.diff(tissue.excitability(27)[order]) <= 0)
    assert tissue.excitability(27).dtype == np.float32


def test_strength() -> None:
    cathodic = strength((160, 160), (-1.0, 1.0))
    assert cathodic == pytest.approx(160 / 360)
    # In proportion to the current, less than so to the duration.
    assert strength((160, 160), (-2.0, 2.0)) == pytest.approx(2 * cathodic)
    assert cathodic < strength((320, 320), (-1.0, 1.0)) < 2 * cathodic
    # Cathodic first, anodic first, only anodic.
    assert cathodic > strength((160, 160), (1.0, -1.0)) > strength((160,), (1.0,)) > 0
    assert strength((160,), (-1.0,)) == cathodic


def test_wiring() -> None:
    config = CultureConfig(seed=1)
    tissue = Tissue(config)
    wiring = Wiring(config, tissue)
    assert wiring.targets.shape == (1_000, 100)
    assert np.all(np.diff(wiring.targets, axis=1) > 0)
    assert not np.any(wiring.targets == np.arange(1_000)[:, None])
    distance = np.hypot(*(tissue.positions[wiring.targets] - tissue.positions[:, None]).transpose(2, 0, 1))
    assert np.all(wiring.delays == 1 + (distance / 300).astype(int))
    assert wiring.delays.min() >= 1 and wiring.delays.max() < DELAYS
    # Nearer neurons are likelier targets than chance would have it.
    everyone = np.hypot(*(tissue.positions[None] - tissue.positions[:, None]).transpose(2, 0, 1))
    assert distance.mean() < 0.8 * everyone.mean()
    assert np.all(wiring.efficacy > 0)
    ratio = wiring.efficacy[tissue.inhibitory].mean() / wiring.efficacy[~tissue.inhibitory].mean()
    assert ratio == pytest.approx(3.2 / 0.87, rel=0.02)


@pytest.mark.parametrize(("size", "connectivity"), [(50, 1.0), (50, 0.0), (10, 0.05)])
def test_wiring_at_the_extremes(size: int, connectivity: float) -> None:
    config = CultureConfig(size=size, connectivity=connectivity)
    network = Network(config, Tissue(config))
    assert network.wiring.targets.shape == (size, round(connectivity * (size - 1)))
    for _ in range(200):
        network.step()


def test_synapses_deliver_after_their_delays() -> None:
    config = CultureConfig(size=100, seed=2)
    tissue = Tissue(config)
    wiring = Wiring(config, tissue)
    excites, inhibits = np.flatnonzero(~tissue.inhibitory)[3], np.flatnonzero(tissue.inhibitory)[3]
    inbox = np.zeros((40, 2, 100), np.float32)
    fired = np.sort([excites, inhibits])
    wiring.deliver(fired, np.full(2, 0.25, np.float32), inbox.reshape(-1), 5 * 200)
    expected = np.zeros_like(inbox)
    for neuron, kind in ((excites, 0), (inhibits, 1)):
        for synapse in range(wiring.targets.shape[1]):
            place = 5 + wiring.delays[neuron, synapse], kind, wiring.targets[neuron, synapse]
            expected[place] += wiring.efficacy[neuron, synapse] * np.float32(0.25)
    assert np.array_equal(inbox, expected)
    assert inbox.any()


def test_synapses_tire_and_recover() -> None:
    # Kicks fire every neuron at the moments chosen; what the synapses release is compared with the model.
    config = CultureConfig(size=10, background=0, connectivity=0)
    network = Network(config, Tissue(config))
    released: list[float] = []
    network.wiring.deliver = lambda fired, amount, inbox, present: released.append(float(amount[0]))  # type: ignore[method-assign]
    moments = [3, 13, 23, 24, 33, 500, 5_000]
    kick = np.full(10, 40.0, np.float32)
    for step in range(5_001):
        network.step(kick if step in moments else None)
    available, last, expected = 1.0, None, []
    for moment in [3, 13, 23, 33, 500, 5_000]:  # At 24 they are refractory.
        if last is not None:
            available = 1 - (1 - available) * np.exp(-(moment - last) / RECOVERY_MS)
        expected.append(RELEASE * available)
        available -= RELEASE * available
        last = moment
    assert released == pytest.approx(expected, rel=1e-5)


def test_firing_times_within_a_step_are_interpolated() -> None:
    config = CultureConfig(background=0, connectivity=0)
    tissue = Tissue(config)
    network = Network(config, tissue)
    kick = np.linspace(40, 10, 1_000).astype(np.float32)
    units, when = network.step(kick)
    assert np.array_equal(network.fired, np.flatnonzero(kick >= 15))
    assert np.array_equal(units, network.fired[network.fired < tissue.units])
    # From rest the threshold of 15 mV is crossed after 15 / kick of the step.
    assert len(units) > 100
    assert when == pytest.approx(15 / kick[units], rel=1e-5)


def hand_made(fan_out: int = 3) -> tuple[Wiring, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    config = CultureConfig(size=10, connectivity=fan_out / 9, seed=1)
    tissue = Tissue(config)
    return Wiring(config, tissue), tissue.inhibitory


def test_pairs_of_spikes_change_synapses() -> None:
    wiring, inhibitory = hand_made()
    before = wiring.efficacy.astype(np.float64)
    plasticity = Plasticity(wiring, inhibitory)
    source = int(np.flatnonzero(~inhibitory)[0])
    target = int(wiring.targets[source, 1])
    for step in range(31):
        plasticity.step(np.array([source] if step == 0 else [target] if step == 10 else [], np.intp))
    trace = np.exp(-10 / WINDOW_MS)
    expected = before.copy()
    expected[source, 1] += POTENTIATION * before[source, 1] * trace
    back = np.flatnonzero(wiring.targets[target] == source)
    if back.size and not inhibitory[target]:
        expected[target, back] *= 1 - DEPRESSION * trace
    assert wiring.efficacy == pytest.approx(expected, rel=1e-6)
    assert wiring.efficacy[source, 1] > before[source, 1]


def test_the_wrong_order_weakens() -> None:
    wiring, inhibitory = hand_made()
    before = wiring.efficacy.copy()
    plasticity = Plasticity(wiring, inhibitory)
    source = int(np.flatnonzero(~inhibitory)[0])
    target = int(wiring.targets[source, 2])
    plasticity.step(np.array([target], np.intp))
    plasticity.step(np.array([source], np.intp))
    factor = 1 - DEPRESSION * np.exp(-1 / WINDOW_MS)
    assert wiring.efficacy[source, 2] / before[source, 2] == pytest.approx(factor, rel=1e-5)


def test_synapses_stay_within_bounds() -> None:
    wiring, inhibitory = hand_made(9)
    before = wiring.efficacy.copy()
    plasticity = Plasticity(wiring, inhibitory)
    leader = np.flatnonzero(~inhibitory)[:1]
    followers = np.setdiff1d(np.arange(10), leader)
    for _ in range(5_000):
        plasticity.step(leader)
        plasticity.step(followers)
        for _ in range(3):
            plasticity.step(leader[:0])
    ratio = wiring.efficacy / before
    assert np.all(ratio > 0) and np.all(ratio < 2)
    assert ratio[leader].min() > 1.05 and ratio.min() < 0.95
    assert np.all(ratio[inhibitory] == 1)


def test_streams() -> None:
    whole = words(stream(5, 1), 400)
    source = stream(5, 1)
    assert np.array_equal(np.concatenate([words(source, 100) for _ in range(4)]), whole)
    assert not np.array_equal(words(stream(5, 2), 400), whole)
    assert not np.array_equal(words(stream(6, 1), 400), whole)
    numbers = uniform(stream(5, 1), 100, 20)
    assert numbers.shape == (100, 20)
    assert 0 <= numbers.min() < 0.01 and 0.99 < numbers.max() < 1


def test_quantiles() -> None:
    quantiles = normal_quantiles()
    assert len(quantiles) == 65_536
    assert np.all(np.diff(quantiles) > 0)
    assert np.array_equal(quantiles, -quantiles[::-1])
    assert abs(quantiles.std() - 1) < 2e-4
    assert not quantiles.flags.writeable

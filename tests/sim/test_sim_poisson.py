"""The distribution tables: exact where they say so."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cl.sim.sources.poisson import WORDS, CentredPoisson

MEANS = [0.01, 0.3, 0.5, 2.5, 15, 170, 999.5, 10_000, 1_000_000]


def exact(count: int, mean: float) -> float:
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


@pytest.mark.parametrize("mean", MEANS)
def test_the_probabilities_are_poisson(mean: float) -> None:
    noise = CentredPoisson(mean)
    assert noise.pmf.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.all(np.diff(noise.values) == 1)
    for value, probability in zip(noise.values[::7].tolist(), noise.pmf[::7].tolist(), strict=True):
        assert probability == pytest.approx(exact(value + round(mean), mean), rel=1e-6, abs=1e-300)
    variance = float((noise.pmf * (noise.values + round(mean) - mean) ** 2).sum())
    assert variance == pytest.approx(mean, rel=1e-6)


def test_what_is_left_out_is_unlikely() -> None:
    noise = CentredPoisson(170)
    assert noise.pmf[0] < 1e-30
    assert noise.pmf[-1] < 1e-30


def test_a_mean_of_zero_is_flat() -> None:
    noise = CentredPoisson(0)
    assert noise.values.tolist() == [0]
    assert noise.pmf.tolist() == [1.0]
    assert noise.threshold(1.0) == 0
    assert not noise.rounded_table().any()


def test_the_threshold_of_the_defaults() -> None:
    noise = CentredPoisson(170)
    assert noise.threshold(5e-5) == 53
    beyond = float(noise.pmf[np.abs(noise.values) > 53].sum())
    assert beyond * 25_000 * 59 == pytest.approx(75, abs=1)


@pytest.mark.parametrize("mean", [0.3, 2.5, 170, 10_000])
@pytest.mark.parametrize("exceedance", [0.0, 1e-9, 5e-5, 0.01, 0.3, 0.5, 0.9, 1.0])
def test_the_threshold_is_the_closest(mean: float, exceedance: float) -> None:
    noise = CentredPoisson(mean)
    size = np.abs(noise.values)
    errors = [abs(float(noise.pmf[size > t].sum()) - exceedance) for t in range(int(size.max()) + 1)]
    assert errors[noise.threshold(exceedance)] == pytest.approx(min(errors), abs=1e-15)


def test_nothing_is_beyond_the_threshold_of_certainty() -> None:
    noise = CentredPoisson(170)
    _, tail = noise.split(noise.threshold(0.0))
    assert tail.probability == 0.0
    assert tail.draw(np.empty(0)).shape == (0,)


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("exceedance", [0.0, 5e-5, 0.5, 1.0])
def test_table_and_correction_together_are_exact(mean: float, exceedance: float) -> None:
    noise = CentredPoisson(mean)
    threshold = noise.threshold(exceedance)
    bulk, tail = noise.split(threshold)
    inside = np.abs(noise.values) <= threshold
    assert len(bulk.table) == WORDS
    assert float(noise.pmf[inside].sum()) + tail.probability == pytest.approx(1.0, abs=1e-12)

    held = np.array(
        [(bulk.table == value).sum() for value in noise.values[inside]] if inside.sum() < 300 else []
    )
    correction = bulk.correction.probability
    assert 0 <= correction < 0.05
    if len(held):
        share = np.diff(bulk.correction._cumulative, prepend=0.0)
        mixed = (1 - correction) * held / WORDS + correction * share
        wanted = noise.pmf[inside] / noise.pmf[inside].sum()
        np.testing.assert_allclose(mixed, wanted, rtol=1e-9, atol=1e-16)


def test_a_tail_is_drawn_by_inversion() -> None:
    noise = CentredPoisson(170)
    _, tail = noise.split(53)
    uniform = (np.arange(100_000) + 0.5) / 100_000
    drawn = tail.draw(uniform)
    assert np.abs(drawn).min() == 54
    for value in (-57, -54, 54, 60):
        wanted = float(noise.pmf[noise.values == value][0]) / tail.probability
        assert float((drawn == value).mean()) == pytest.approx(wanted, abs=2e-5)
    assert tail.draw(np.array([0.0, np.nextafter(1.0, 0.0)])).tolist() == [-170, noise.values[-1]]


def test_the_rounded_table_has_the_quarter_of_the_mean() -> None:
    table = CentredPoisson(170 / 4).rounded_table().astype(float)
    assert table.mean() == pytest.approx(170 / 4 - round(170 / 4), abs=0.01)
    assert table.var() == pytest.approx(170 / 4, rel=0.01)

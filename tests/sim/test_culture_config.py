"""What can be chosen about the culture, and what is refused."""

from __future__ import annotations

import json
import math

import pytest

from cl.sim.culture import create
from cl.sim.culture.config import CultureConfig, load_config


def test_defaults() -> None:
    assert load_config(None) == load_config({}) == CultureConfig()
    assert load_config(None, default_seed=9).seed == 9
    assert CultureConfig().size == 1_000
    assert CultureConfig().fan_out == 100


def test_all_keys() -> None:
    text = """{"size": 300, "seed": 12345678901234567890123, "connectivity": 1, "inhibitory_fraction": 0.5,
               "background": 0, "plasticity": true, "noise_uV": 2.5, "artifact": false,
               "silent_channels": [9, 8, 9]}"""
    assert load_config(json.loads(text)) == CultureConfig(
        300, 12345678901234567890123, 1.0, 0.5, 0.0, True, 2.5, False, (8, 9)
    )


@pytest.mark.parametrize(
    ("config", "error", "text"),
    [
        ([], TypeError, "must be a mapping"),
        ("size", TypeError, "must be a mapping"),
        ({"neurons": 5}, ValueError, "unknown key 'neurons' .* it takes size, seed, connectivity"),
        ({"size": 9}, ValueError, "size of the culture must be 10 to 10000, got 9"),
        ({"size": 10_001}, ValueError, "size .* got 10001"),
        ({"size": 1e3}, TypeError, r"size of the culture must be a whole number, got 1000\.0"),
        ({"size": True}, TypeError, "size .* got True"),
        ({"size": "1000"}, TypeError, "size .* got '1000'"),
        ({"seed": -1}, ValueError, "seed of the culture must be at least 0, got -1"),
        ({"seed": None}, TypeError, "seed .* got None"),
        ({"connectivity": 1.01}, ValueError, r"connectivity of the culture must be 0 to 1, got 1\.01"),
        ({"connectivity": -0.1}, ValueError, "connectivity"),
        ({"connectivity": math.nan}, ValueError, "connectivity .* got nan"),
        ({"connectivity": False}, TypeError, "connectivity of the culture must be a number, got False"),
        ({"inhibitory_fraction": 0.91}, ValueError, "inhibitory_fraction .* 0 to 0.9"),
        ({"background": 2.5}, ValueError, "background .* 0 to 2"),
        ({"background": "1"}, TypeError, "background"),
        ({"plasticity": 1}, TypeError, "plasticity of the culture must be true or false, got 1"),
        ({"artifact": "no"}, TypeError, "artifact"),
        ({"noise_uV": 101}, ValueError, "noise_uV .* 0 to 100"),
        ({"noise_uV": math.inf}, ValueError, "noise_uV"),
        (
            {"silent_channels": 5},
            TypeError,
            "silent_channels of the culture must be a list of channels, got 5",
        ),
        ({"silent_channels": "12"}, TypeError, "silent_channels"),
        ({"silent_channels": [5, 64]}, ValueError, "silent_channels .* 0 to 63, got 64"),
        ({"silent_channels": [-1]}, ValueError, "got -1"),
        ({"silent_channels": [1.0]}, TypeError, r"got 1\.0"),
        ({"size": 10_000, "connectivity": 0.1}, ValueError, "makes 10000000 synapses, the limit is 5000000"),
    ],
)
def test_refused(config: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        load_config(config)
    with pytest.raises(error, match=text):
        create(**config)  # type: ignore[arg-type]

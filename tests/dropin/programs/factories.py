"""A factory gets its config as keyword arguments, in every form that there is in the wild."""

from typing import Any

import cl
from cl.sim import clear_simulator_data_source, set_simulator_data_source


def first_sample(factory: str, config: dict[str, Any] | None = None) -> int:
    set_simulator_data_source(factory, config)
    try:
        with cl.open() as neurons:
            return int(neurons.read(10)[0, 1])
    finally:
        clear_simulator_data_source()


print(first_sample("dropin_sources:several", {"a": 1, "b": 2}))
print(first_sample("dropin_sources:anything", {"scale": 5, "more": [1]}))
print(first_sample("dropin_sources:keyword_only", {"scale": 6}))
print(first_sample("dropin_sources:Level"))
print(first_sample("dropin_sources.scaled", {"scale": 50.0}))

# prints:
#   4
#   5
#   6
#   3
#   50

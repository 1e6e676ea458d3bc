"""The one checker of integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cl._values.numbers import Wording, whole

OWN = Wording("{what} is {value}, it must be {limit}", "a number from {least} to {most}", "{least} to {most}")


@pytest.mark.parametrize("value", [0, 5, np.int64(5), np.uint8(0)])
def test_integers_of_every_kind_become_ints(value: Any) -> None:
    assert whole(value, "n", 0, 5) == int(value)
    assert type(whole(value, "n")) is int


@pytest.mark.parametrize(
    ("value", "limits", "error", "text"),
    [
        (True, (), TypeError, "n must be an integer, not the bool True"),
        (1.0, (), TypeError, "n must be an integer, not 1.0 (a float)"),
        (None, (0,), TypeError, "n must be an integer, not None (a NoneType)"),
        (-1, (0,), ValueError, "n must be at least 0, not -1"),
        (np.int8(-1), (0,), ValueError, "n must be at least 0, not -1"),
        (6, (0, 5), ValueError, "n must be at most 5, not 6"),
        (6, (None, 5), ValueError, "n must be at most 5, not 6"),
        (6, (5, 5), ValueError, "n must be 5, not 6"),
        (4, (5, 5), ValueError, "n must be 5, not 4"),
        (4, (5, 7, OWN), ValueError, "n is 4, it must be 5 to 7"),
        (4, (5, None, OWN), ValueError, "n is 4, it must be at least 5"),
        ("4", (5, 7, OWN), TypeError, "n is '4', it must be a number from 5 to 7"),
    ],
)
def test_errors_name_the_value_and_the_limit(
    value: object, limits: tuple[Any, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        whole(value, "n", *limits)
    assert str(caught.value) == text

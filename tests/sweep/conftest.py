"""What tests of sweeps share."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest


@pytest.fixture
def left() -> Callable[[], list[psutil.Process]]:
    """Return what tells which processes have been started since the test began, and are there."""
    before = set(psutil.Process().children(recursive=True))  # others' helpers
    return lambda: [child for child in psutil.Process().children(recursive=True) if child not in before]

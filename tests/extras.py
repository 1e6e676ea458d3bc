"""Tests of optional parts: skipped where the extra is not installed, failed with CL_REQUIRE_EXTRAS=1."""

from __future__ import annotations

import importlib.util
import os

import pytest


def need_extra(extra: str, *modules: str) -> None:
    """Skip the calling test module or test unless the modules of an extra are installed.

    `pytest.skip(allow_module_level=True)` as `importorskip` does; a failure where CL_REQUIRE_EXTRAS=1.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return
    reason = f"the extra {extra!r} is not installed ({', '.join(missing)})"
    if os.environ.get("CL_REQUIRE_EXTRAS") == "1":
        pytest.fail(f"CL_REQUIRE_EXTRAS=1, but {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)

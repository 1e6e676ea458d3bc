"""Opening, sharing and closing devices."""

from __future__ import annotations

from .opening import aopen, get_system_attributes, is_simulator, open

__all__ = ["aopen", "get_system_attributes", "is_simulator", "open"]

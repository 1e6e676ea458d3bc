"""Metrics of a recording while it is made: fed by a closed loop, in constant memory."""

from __future__ import annotations

"""Pages in notebooks whose reader cannot reach the server's port: what it sends goes through the kernel."""

from __future__ import annotations

"""Serving a device across the network: what `python -m cl serve` does. See docs/network-protocol.md."""

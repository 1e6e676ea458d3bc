"""The messages of `docs/network-protocol.md` as code, for either side. Pure: no sockets, no clocks."""

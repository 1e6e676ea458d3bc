"""A device across the network: the protocol's messages, and the client that is a device."""

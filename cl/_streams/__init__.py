"""Event streams: async iterators over what happens on the device, many of them on one history."""

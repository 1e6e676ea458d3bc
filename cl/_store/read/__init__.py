"""HDF5 in: views of recordings, and the safe decoder of their attributes."""

"""HDF5 out: files that survive a kill at any moment."""

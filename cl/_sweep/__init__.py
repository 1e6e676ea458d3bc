"""Sweeps: one experiment, run for many parameters and seeds, each run in a process of its own.

`sweeping.sweep` is `cl.sweep`, and `sweep.Sweep` what it returns. A run is planned (`grid`, `planned`),
handed to an executor as a `job`, made by `execute` in a child of a `worker` that has imported everything, and
then it is a row.
"""

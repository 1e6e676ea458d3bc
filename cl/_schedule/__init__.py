"""Applications and recordings at times of day or at intervals, one after the other on one device.

`document` reads a schedule, `times` says when its runs are due, `state` keeps what has happened in a file,
`planner` decides what is next (it reads no clock and starts nothing), `supervisor` does it, each run in a
process of its own (`processes`, `worker`), `page` shows it.
"""

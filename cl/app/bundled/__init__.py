"""Applications that come with the package: `python -m cl app list`, `python -m cl app run NAME CONFIG`.

Each is a whole application's folder, to be run as it is, or copied and changed.
"""

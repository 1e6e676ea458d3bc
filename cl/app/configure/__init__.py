"""The configuration page of an application: `python -m cl app configure DIR`.

A page on loopback, made from the JSON schema of the application's configurations: it edits and checks them,
saves presets, and runs the application. docs/applications.md says what it does and whom it answers.
"""

from __future__ import annotations

"""What makes a simulator's run again: a dict for recordings and `neurons.simulation`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cl._values.version import VERSION

if TYPE_CHECKING:
    from cl._core.settings import Settings

RANDOM: Final = "random"
REPLAY: Final = "replay:"
"""What `source` begins with where a recording is played; the file's name follows, without its folder."""
SETTINGS: Final = (
    "accelerated",
    "sample_mean",
    "spike_percentile",
    "spike_visibility",
    "detect_spikes",
    "jitter_detection",
    "channel_queue_limit",
    "sync_limit",
    "deferred_interrupt_limit",
)
"""The settings that make a run what it is, by the names of `Simulator`'s arguments."""


def described_run(
    settings: Settings,
    source: str,
    seed: int | None,
    *,
    config: Any = None,
    metadata: Any = None,
    replay_start_offset: int | None = None,
) -> dict[str, Any]:
    """Return `source config seed replay_start_offset version settings`, of plain values only.

    `source` is "random", "replay:FILE NAME" or "module:attribute" (in brackets where nothing can be imported
    by that name). `settings` are named as `Simulator`'s arguments, with the `metadata` that replace the
    source's own, or None.
    """
    if metadata is not None:
        metadata = dict(metadata) if isinstance(metadata, Mapping) else dataclasses.asdict(metadata)
    return {
        "source": source,
        "config": config,
        "seed": seed,
        "replay_start_offset": replay_start_offset,
        "version": VERSION,
        "settings": {name: getattr(settings, name) for name in SETTINGS} | {"metadata": metadata},
    }

"""Makes the simulated device that the settings describe."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from cl._core.device import DeviceInfo
from cl._stim.limits import StimLimits

from .device import FixedDevice, StreamedDevice

if TYPE_CHECKING:
    from cl._core.settings import Settings
    from cl._core.source import FixedSource

    from .user.registry import ConfiguredSource

_log = logging.getLogger("cl")


def build(settings: Settings) -> FixedDevice | StreamedDevice:
    """Return the device for these settings, not yet open."""
    limits = StimLimits(
        channel_queue=settings.channel_queue_limit,
        syncs=settings.sync_limit,
        deferred_interrupts=settings.deferred_interrupt_limit,
    )
    own = _own(settings)
    if own is not None:
        return StreamedDevice(_info(settings, own.name, own), own, limits)
    name, source = _replay(settings) if settings.replay_path is not None else _random(settings)
    return FixedDevice(_info(settings, name, source), source, limits)


def system_attributes() -> dict[str, Any]:
    """Return what `get_system_attributes` says of the simulator."""
    return {
        "project_id": "simulator",
        "chip_id": "simulator",
        "cell_batch_id": "simulator",
        "plugin": "simulator",
        "system_id": "simulator",
        "hostname": _hostname(),
    }


def _hostname() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket  # not free to import, and only needed elsewhere

    return socket.gethostname()


def _info(settings: Settings, name: str, source: Any) -> DeviceInfo:
    return DeviceInfo(
        name=f"simulator ({name})",
        start_timestamp=source.start_timestamp,
        uV_per_sample_unit=source.uV_per_sample_unit,
        is_simulator=True,
        detects_jitter=settings.jitter_detection,
        attributes=system_attributes(),
    )


def _seed(settings: Settings) -> int:
    if settings.random_seed is not None:
        return settings.random_seed
    seed = int.from_bytes(os.urandom(4), "little")
    _log.info("the simulator drew seed %d: set CL_SDK_RANDOM_SEED=%d to repeat this run", seed, seed)
    return seed


def _own(settings: Settings) -> ConfiguredSource | None:
    # Who registered a source has imported the registry; nobody else pays for it.
    if settings.data_source is None and "cl.sim.user.registry" not in sys.modules:
        return None
    from .user.registry import configured_source

    return configured_source(settings)


def _random(settings: Settings) -> tuple[str, FixedSource]:
    from .sources.random_source import RandomSource

    seed = _seed(settings)
    source = RandomSource(seed, settings.sample_mean, settings.spike_percentile, settings.spike_visibility)
    return f"random, seed {seed}", source


def _replay(settings: Settings) -> tuple[str, FixedSource]:
    import random
    from pathlib import Path

    from .sources.replay_source import ReplaySource

    assert settings.replay_path is not None
    rng = random.Random(settings.random_seed)
    try:
        source = ReplaySource(settings.replay_path, settings.replay_start_offset, rng)
    except (OSError, ValueError) as error:
        path = settings.replay_path
        raise ValueError(f"CL_SDK_REPLAY_PATH={path!r} cannot be replayed: {error}") from error
    return f"replay of {Path(settings.replay_path).name}", source

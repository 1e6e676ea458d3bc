"""Makes the simulated device that the settings describe."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from cl._core.device import DeviceInfo
from cl._stim.limits import StimLimits
from cl._values.saying import Log, say

from .described import RANDOM, REPLAY, described_run
from .device import FixedDevice, StreamedDevice
from .timebase import timing_of

if TYPE_CHECKING:
    from cl._core.settings import Settings
    from cl._core.source import FixedSource
    from cl._core.virtual_time import VirtualTime

    from .timebase import Timing
    from .user.registry import Registration

_log = Log()


def build(
    settings: Settings,
    own: Registration | None,
    name: str | None = None,
    time: VirtualTime | None = None,
    order: int = 0,
) -> FixedDevice | StreamedDevice:
    """Return the device for these settings, not yet open.

    It plays `own`, a source of the user's, or else a replay where the settings name one, or else the random
    source. `name` is what the program calls it; `time` and `order` are those of `timing_of`.
    """
    timing = timing_of(settings, time, order)
    limits = StimLimits(
        channel_queue=settings.channel_queue_limit,
        syncs=settings.sync_limit,
        deferred_interrupts=settings.deferred_interrupt_limit,
    )
    if own is not None:
        return _streamed(settings, own, name, limits, timing)
    played, source, run = _replay(settings) if settings.replay_path is not None else _random(settings)
    return FixedDevice(_info(settings, _title(name, played), source, run), source, limits, timing)


def environments_source(settings: Settings) -> Registration | None:
    """Return the source of the user's that the environment's device plays: set, or named by variables."""
    # A program that has set a source has imported the registry; no other one pays for it.
    if settings.data_source is None and "cl.sim.user.registry" not in sys.modules:
        return None
    from .user.registry import chosen_source

    return chosen_source(settings)


def system_attributes() -> dict[str, Any]:
    """Return what `get_system_attributes` says of the simulator.

    Programs tell it from a device by the "sdk" in `system_id`, as in cl-sdk.
    """
    return {
        "project_id": "simulator",
        "chip_id": "simulator",
        "cell_batch_id": "simulator",
        "plugin": {},
        "system_id": "cl1-sdk-000",
        "hostname": _hostname(),
    }


def _hostname() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket  # not free to import, and only needed elsewhere

    return socket.gethostname()


def _info(settings: Settings, title: str, source: Any, run: dict[str, Any]) -> DeviceInfo:
    return DeviceInfo(
        name=title,
        start_timestamp=source.start_timestamp,
        uV_per_sample_unit=source.uV_per_sample_unit,
        is_simulator=True,
        detects_jitter=settings.jitter_detection,
        attributes=system_attributes(),
        simulation=run,
    )


def _title(name: str | None, played: str) -> str:
    return f"simulator ({played})" if name is None else f"simulator {name!r} ({played})"


def _streamed(
    settings: Settings, own: Registration, name: str | None, limits: StimLimits, timing: Timing
) -> StreamedDevice:
    from .user.registry import configure

    source, seed = configure(own, settings)
    run = described_run(settings, own.path, seed, config=own.config, metadata=own.metadata)
    return StreamedDevice(_info(settings, _title(name, source.name), source, run), source, limits, timing)


def _random(settings: Settings) -> tuple[str, FixedSource, dict[str, Any]]:
    from .sources.random_source import RandomSource

    seed = settings.random_seed
    source = RandomSource(
        _drawn_seed() if seed is None else seed,
        settings.sample_mean,
        settings.spike_percentile,
        settings.spike_visibility,
    )
    if seed is None:
        _tell(source.seed)
    return f"random, seed {source.seed}", source, described_run(settings, RANDOM, source.seed)


def _replay(settings: Settings) -> tuple[str, FixedSource, dict[str, Any]]:
    import random
    from pathlib import Path

    from .sources.replay_source import ReplaySource

    path, seed, offset = settings.replay_path, settings.random_seed, settings.replay_start_offset
    assert path is not None
    drawn = seed is None and offset is None
    if drawn:
        seed = _drawn_seed()
    try:
        source = ReplaySource(path, offset, random.Random(seed))
        source.draw_start_offset()
    except (OSError, ValueError) as error:
        called = settings.called("replay_path", "CL_SDK_REPLAY_PATH")
        raise ValueError(f"{called}={path!r} cannot be replayed: {error}") from error
    if drawn:
        assert seed is not None
        _tell(seed)
    name = Path(path).name
    run = described_run(settings, f"{REPLAY}{name}", seed, replay_start_offset=source.start_offset)
    return f"replay of {name}", source, run


def _drawn_seed() -> int:
    return int.from_bytes(os.urandom(4), "little")


def _tell(seed: int) -> None:
    _log.info("the simulator drew seed %d: set CL_SDK_RANDOM_SEED=%d to repeat this run", seed, seed)
    say(f"cl: CL_SDK_RANDOM_SEED={seed} repeats this run")

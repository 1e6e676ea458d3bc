"""Opening a simulator for a test, whatever the environment says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from cl.sim.user.registry import Registration, registry

if TYPE_CHECKING:
    import cl

VARIABLES: Final = (
    "CL_DEVICE",
    "CL_SDK_ACCELERATED_TIME",
    "CL_SDK_CHANNEL_QUEUE_LIMIT",
    "CL_SDK_DATA_SOURCE",
    "CL_SDK_DATA_SOURCE_CONFIG",
    "CL_SDK_DATA_SOURCE_METADATA",
    "CL_SDK_DEFERRED_INTERRUPT_LIMIT",
    "CL_SDK_DETECT_SPIKES",
    "CL_SDK_JITTER_DETECTION",
    "CL_SDK_RANDOM_SEED",
    "CL_SDK_REPLAY_PATH",
    "CL_SDK_REPLAY_START_OFFSET",
    "CL_SDK_SAMPLE_MEAN",
    "CL_SDK_SPIKE_PERCENTILE",
    "CL_SDK_SPIKE_VISIBILITY",
    "CL_SDK_SYNC_LIMIT",
    "CL_SDK_VISUALISATION",
    "CL_SDK_VISUALISATION_HOST",
)
"""Everything that an open reads."""
_OLD: Final = ("CL_SDK_WEBSOCKET", "CL_SDK_WEBSOCKET_HOST")


class Simulator:
    """A simulator for a test, opened by `with` or by `async with`: seeded, and whatever the environment says.

    By default it plays the random source, in accelerated time. `spikes`, pairs of a timestamp and a
    channel, let it play exactly these over silence, or over `noise` (see `ScriptedSource`). `source` is a
    source of your own (`config` and `metadata` as in `cl.sim.set_simulator_data_source`), `replay` the path
    of a recording, played from the frame `replay_start_offset` on. `environment` sets more of the `CL_SDK_*`
    variables. Neither the variables of the process nor a `.env` file are looked at.

    Options that exclude each other, or name no variable, raise ValueError; opening it raises
    RuntimeError where a device is open already.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        accelerated: bool = True,
        spikes: Iterable[tuple[int, int]] | None = None,
        noise: float = 0.0,
        source: str | Callable[..., Any] | None = None,
        config: Any = None,
        metadata: Any = None,
        replay: str | os.PathLike[str] | None = None,
        replay_start_offset: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        played = {"spikes": spikes, "source": source, "replay": replay}
        given = [name for name, value in played.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: only one of them can be what the simulator plays")
        self._variables = {
            "CL_SDK_ACCELERATED_TIME": str(int(accelerated)),
            "CL_SDK_RANDOM_SEED": str(seed),
            "CL_SDK_VISUALISATION": "0",
            **_checked(environment),
        }
        self._registration: Registration | None = None
        if spikes is not None:
            self._registration = Registration(_scripted(list(spikes), noise, seed), None, None)
        elif source is not None:
            self._registration = Registration(source, config, metadata)
        elif replay is not None:
            self._variables["CL_SDK_REPLAY_PATH"] = os.fspath(replay)
            self._variables["CL_SDK_REPLAY_START_OFFSET"] = str(replay_start_offset)
        self._stack = ExitStack()
        self._async_stack = AsyncExitStack()

    def __enter__(self) -> cl.Neurons:
        import cl

        with ExitStack() as stack:
            stack.enter_context(_source(self._registration))
            with _environment(self._variables):
                neurons = stack.enter_context(cl.open())
            self._stack = stack.pop_all()
        return neurons

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    async def __aenter__(self) -> cl.Neurons:
        import cl

        async with AsyncExitStack() as stack:
            stack.enter_context(_source(self._registration))
            with _environment(self._variables):
                neurons = await stack.enter_async_context(cl.aopen())
            self._async_stack = stack.pop_all()
        return neurons

    async def __aexit__(self, *error: Any) -> None:
        await self._async_stack.__aexit__(*error)


@contextmanager
def _source(registration: Registration | None) -> Iterator[None]:
    """Let the simulator play a source, in the place of whatever the program has set."""
    if registry.is_open():
        raise RuntimeError("a device is open already: a test's simulator is a device of its own")
    before, registry.current = registry.current, registration
    try:
        yield
    finally:
        registry.current = before


def _scripted(spikes: list[tuple[int, int]], noise: float, seed: int) -> Callable[[], Any]:
    from .scripted import ScriptedSource

    source = ScriptedSource(spikes, noise=noise, seed=seed)
    return lambda: source


def _checked(environment: Mapping[str, str] | None) -> dict[str, str]:
    for name in environment or ():
        if name not in VARIABLES:
            raise ValueError(f"environment: {name} is no variable that the simulator reads")
    return dict(environment or {})


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set the variables as a test wants them, while the device is opened, which reads them."""
    before = {name: os.environ.get(name) for name in (*VARIABLES, *_OLD)}
    try:
        for name in VARIABLES:
            # Empty rather than absent: a .env file must not fill it.
            os.environ[name] = variables.get(name, "")
        for name in _OLD:
            os.environ.pop(name, None)
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

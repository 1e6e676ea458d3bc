"""Opening a simulator for a test, whatever the environment says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from cl._core.settings import parse_settings
from cl._core.variables import VARIABLES
from cl._current import devices
from cl._session.opening import aopened, opened
from cl._session.targets import SimulatorValue, at_variables_address
from cl.sim import Simulator as SimulatedDevice

if TYPE_CHECKING:
    from cl._core.settings import Settings
    from cl._session.targets import Built
    from cl.neurons import Neurons
    from cl.sim.user.registry import Registration


class Simulator:
    """A simulator for a test, opened by `with` or by `async with`: seeded, and whatever the environment says.

    By default it plays the random source, in accelerated time. `spikes`, pairs of a timestamp and a
    channel, let it play exactly these over silence, or over `noise` (see `ScriptedSource`). `source` is a
    source of your own (`config` and `metadata` as in `cl.sim.set_simulator_data_source`), `replay` the path
    of a recording, played from the frame `replay_start_offset` on. `environment` sets more of the `CL_SDK_*`
    variables. Neither the variables of the process nor a `.env` file are looked at.

    Within its block it takes the place of the environment's device: a plain `cl.open()` of the program under
    test joins it, `cl.is_simulator()` speaks of it. Several may be open at once, each in a thread or task of
    its own: plain opens join that of their context (a bare thread has none, and raises RuntimeError where
    there are several).

    Options that exclude each other, or name no variable, raise ValueError; opening it raises RuntimeError
    where the environment's device is open already, or one that takes its place in this context.
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
        self._played: dict[str, Any] = {}
        if spikes is not None:
            self._played = {"source": _scripted(list(spikes), noise, seed)}
        elif source is not None:
            self._played = {"source": source, "config": config, "metadata": metadata}
        elif replay is not None:
            self._variables["CL_SDK_REPLAY_PATH"] = os.fspath(replay)
            self._variables["CL_SDK_REPLAY_START_OFFSET"] = str(replay_start_offset)
        self._stack = ExitStack()
        self._async_stack = AsyncExitStack()

    def __enter__(self) -> Neurons:
        with ExitStack() as stack:
            target = stack.enter_context(_in_place(_TestDevice(self._played, self._variables)))
            neurons = stack.enter_context(opened(lambda: target))
            self._stack = stack.pop_all()
        return neurons

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    async def __aenter__(self) -> Neurons:
        async with AsyncExitStack() as stack:
            target = stack.enter_context(_in_place(_TestDevice(self._played, self._variables)))
            neurons = await stack.enter_async_context(aopened(lambda: target))
            self._async_stack = stack.pop_all()
        return neurons

    async def __aexit__(self, *error: Any) -> None:
        await self._async_stack.__aexit__(*error)


class _TestDevice:
    """What an open of a test's simulator asks for; each time a device of its own."""

    def __init__(self, played: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        self._played = played
        self._variables = variables

    @property
    def key(self) -> _TestDevice:
        return self

    def build(self) -> Built:
        """Return a simulator whose environment is what the test says."""
        settings = parse_settings(self._variables)
        if settings.device is not None:
            return at_variables_address(settings, settings.device)
        simulator = SimulatedDevice(**self._played)
        return SimulatorValue(simulator, lambda: (settings, _named_source(settings))).build()


@contextmanager
def _in_place(target: _TestDevice) -> Iterator[_TestDevice]:
    devices.put_in_place(target)
    try:
        yield target
    finally:
        devices.take_away(target)


def _named_source(settings: Settings) -> Registration | None:
    from cl.sim.user.registry import named_source

    return named_source(settings)


def _scripted(spikes: list[tuple[int, int]], noise: float, seed: int) -> Callable[[], Any]:
    from .scripted import ScriptedSource

    source = ScriptedSource(spikes, noise=noise, seed=seed)
    return lambda: source


def _checked(environment: Mapping[str, str] | None) -> dict[str, str]:
    for name in environment or ():
        if name not in VARIABLES:
            raise ValueError(f"environment: {name} is no variable that the simulator reads")
    return dict(environment or {})

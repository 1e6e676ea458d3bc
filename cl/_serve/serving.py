"""Opening a device and serving it, as a program of its own."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cl._session.opening import aopened
from cl._session.targets import Built, target_of
from cl._values.printing import printable

from .server import Server
from .tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Hashable

    from cl._session.targets import Target

    from .options import Options

_SIGNALS: Final = signal.SIGINT, signal.SIGTERM


class _Served:
    """A device without a page of its own, which is on the server's port, in wall-clock time."""

    def __init__(self, target: Target) -> None:
        self._target = target

    @property
    def key(self) -> Hashable:
        return self._target.key

    def build(self) -> Built:
        built = self._target.build()
        if built.settings.accelerated:
            raise ValueError(
                "a device is served in wall-clock time: CL_SDK_ACCELERATED_TIME=1 cannot be served"
            )
        return Built(built.device, replace(built.settings, visualisation=False))


def serve(options: Options, device: str | None = None) -> None:
    """Open a device, by default the one that the environment describes, and serve it until Ctrl-C.

    ValueError for options that may not be, or a device that is none; DeviceDisconnectedError where it is not
    there or ends; OSError for files that cannot be read, and addresses that are taken.
    """
    options.check()
    options.tls()
    # What has been loaded by now stays: the collector need not look at it again and again while time goes on.
    gc.freeze()
    tokens = None if options.token_file is None else Tokens(options.token_file)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, tokens, device))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


async def _serve(options: Options, tokens: Tokens | None, device: str | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    target = _Served(target_of(device))
    async with aopened(lambda: target, take_control=False) as neurons:

        def ready(port: int) -> None:
            name = f"[{options.host}]" if ":" in options.host else options.host
            scheme = "ws" if options.cert is None else "wss"
            what = printable(neurons._engine.device.info.name)
            print(f"Serving {what} at {scheme}://{name}:{port}", flush=True)

        await Server(neurons, options, tokens).run(ready, stop)

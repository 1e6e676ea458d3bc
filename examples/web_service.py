"""A web service around a device: status, stimulation, recordings, and live spikes over WebSockets.

    pip install "cl-aio[web]"
    python examples/web_service.py --port 8000

    GET    /status                      where the device is, and what it does
    POST   /stim                        {"channels": [8, 9], "current_uA": 1.0, "count": 5, "hz": 20}
    POST   /record, DELETE /record      start a recording, end it
    WS     /spikes?channels=8,9         {"spikes": [[timestamp, channel], ...]} as they come

The device is opened when the server starts and closed when it stops, which finalises a recording that runs.
Each client has a stream of its own: one that is slow gets larger batches, one that falls behind the history
(5 s) is told how much it missed, and one that vanishes is forgotten; none of them makes another one wait.
There is no login: whoever reaches the port may stimulate. Web pages of other sites, which a browser on
this computer may be showing, are refused, also those that make their name lead to this computer ("DNS
rebinding"). Behind a proxy, `--url` says under which name browsers know the service.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketClose, WebSocketDisconnect

import cl
from cl.visualisation.server.access import Access

if TYPE_CHECKING:
    from cl.recording import Recording

PAUSE_SECONDS = 0.003
"""A client gets what comes within this time in one message: fifty clients cost fifty messages, not more."""
MOST_SPIKES = 2_000
"""The most spikes of one message."""
LARGEST_BODY = 10_000
LONGEST_CLOSE = 120
"""Bytes of the reason in a frame that closes a WebSocket, at most."""
GOING_AWAY = 1001
BAD_REQUEST = 1008


class Service:
    """The device, and what the requests share."""

    def __init__(self, neurons: cl.Neurons) -> None:
        self.neurons = neurons
        self.recording: Recording | None = None
        self.clients = 0
        self.lock = anyio.Lock()

    async def start_recording(self, seconds: float | None) -> Recording | None:
        """Start a recording; None where one runs already."""
        async with self.lock:
            if self.recording is not None and not self.recording.has_stopped():
                return None

            def begin() -> Recording:
                return self.neurons.record("web", stop_after_seconds=seconds)

            # Making a file takes a moment: the other clients go on meanwhile.
            self.recording = await to_thread.run_sync(begin)
            return self.recording

    async def end_recording(self) -> Recording | None:
        """End the recording; None where none runs, RecordingFailedError where it has failed."""
        async with self.lock:
            recording, self.recording = self.recording, None
            if recording is None:
                return None
            ran = not recording.has_stopped()
            await recording.astop()
            return recording if ran else None


class Refused(Exception):
    """A request that cannot be done; the text is the reason."""


# -- requests -----------------------------------------------------------------------------


async def status(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    neurons, recording = service.neurons, service.recording
    running = recording is not None and not recording.has_stopped()
    return JSONResponse(
        {
            "timestamp": neurons.timestamp(),
            "frames_per_second": neurons.get_frames_per_second(),
            "channels": neurons.get_channel_count(),
            "simulator": cl.is_simulator(),
            "recording": recording.file["name"] if running and recording is not None else None,
            "clients": service.clients,
        }
    )


async def stim(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    try:
        arguments = stim_arguments(await body_of(request))
        service.neurons.stim(*arguments)
    except (Refused, ValueError, TypeError) as error:
        return refusal(422, error)
    except cl.TransactionRejected as error:
        # It was in order, but the device has no room for it: nothing was queued.
        return refusal(409, f"{type(error).__name__}: {error}")
    return JSONResponse({"timestamp": service.neurons.timestamp(), "channels": list(arguments[0])}, 202)


async def start_recording(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    try:
        body = await body_of(request, may_be_empty=True)
        check_keys(body, {"seconds"})
        seconds = body.get("seconds")
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
            raise Refused(f"seconds must be a number, not {seconds!r}")
        recording = await service.start_recording(seconds)
    except (Refused, ValueError) as error:
        return refusal(422, error)
    except OSError as error:
        return refusal(500, error)
    if recording is None:
        return refusal(409, "a recording runs already")
    return JSONResponse({"file": recording.file["path"], "start": recording.start_timestamp}, 201)


async def end_recording(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    try:
        recording = await service.end_recording()
    except cl.RecordingFailedError as error:
        return refusal(500, error)
    if recording is None:
        return refusal(404, "no recording runs")
    return JSONResponse({"file": recording.file["path"]})


async def body_of(request: Request, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the JSON object that a request carries."""
    text = b""
    async for part in request.stream():
        text += part
        if len(text) > LARGEST_BODY:
            raise Refused(f"the body is larger than {LARGEST_BODY} bytes")
    if not text and may_be_empty:
        return {}
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("the body must be JSON") from None
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object")
    return body


def stim_arguments(body: dict[str, Any]) -> tuple[Any, ...]:
    """Return what `neurons.stim` takes; what is wrong with the numbers it says itself."""
    check_keys(body, {"channels", "current_uA", "duration_us", "count", "hz"})
    if "channels" not in body or "current_uA" not in body:
        raise Refused("channels and current_uA are needed")
    current, duration = body["current_uA"], body.get("duration_us", 160)
    if isinstance(current, bool) or not isinstance(current, int | float):
        raise Refused(f"current_uA must be a number, not {current!r}")
    channels = cl.ChannelSet(body["channels"])
    design = cl.StimDesign(duration, -current, duration, current)
    if "count" not in body and "hz" not in body:
        return channels, design
    return channels, design, cl.BurstDesign(body.get("count", 1), body.get("hz", 100))


def check_keys(body: dict[str, Any], known: set[str]) -> None:
    unknown = body.keys() - known
    if unknown:
        raise Refused(f"unknown: {', '.join(sorted(unknown))}")


def refusal(status: int, why: object) -> JSONResponse:
    return JSONResponse({"error": reason(why)}, status)


def reason(why: object, most_bytes: int = 1_000) -> str:
    """Return a text that can be sent; it may quote what a client wrote, which may be no Unicode."""
    return str(why).encode("utf-8", "backslashreplace")[:most_bytes].decode("utf-8", "ignore")


async def disconnected(request: Request, error: Exception) -> JSONResponse:
    return refusal(503, error)


async def vanished(request: Request, error: Exception) -> JSONResponse:
    return refusal(400, "the client went before it had sent its request")  # nobody reads it


# -- spikes -------------------------------------------------------------------------------


async def spikes(socket: WebSocket) -> None:
    service: Service = socket.app.state.service
    await socket.accept()
    try:
        stream = service.neurons.spikes(chosen_channels(socket))
    except (ValueError, TypeError) as error:
        await socket.close(BAD_REQUEST, reason(error, LONGEST_CLOSE))
        return
    service.clients += 1
    try:
        async with stream, anyio.create_task_group() as group:
            group.start_soon(end_with_client, socket, group.cancel_scope)
            await send_spikes(socket, stream)
    except* WebSocketDisconnect:
        pass  # the client has gone while something was sent to it
    except* cl.DeviceDisconnectedError as errors:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(GOING_AWAY, reason(errors.exceptions[0], LONGEST_CLOSE))
    finally:
        service.clients -= 1


async def send_spikes(socket: WebSocket, stream: Any) -> None:
    """Send what comes until the stream ends. The next batch is taken when the last one has been sent."""
    while True:
        try:
            batch = await stream.batch(MOST_SPIKES)
        except cl.LaggedError as error:
            await socket.send_text(f'{{"missed": {error.missed}}}')
            continue
        if not batch:
            return
        found = ",".join(f"[{spike.timestamp},{spike.channel}]" for spike in batch)
        await socket.send_text(f'{{"spikes":[{found}]}}')
        await anyio.sleep(PAUSE_SECONDS)


async def end_with_client(socket: WebSocket, scope: anyio.CancelScope) -> None:
    """Wait until the client has gone; what it sends is not looked at."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()


def chosen_channels(socket: WebSocket) -> list[int] | None:
    text = socket.query_params.get("channels")
    return None if text is None else [int(channel) for channel in text.split(",")]


# -- the server ---------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep the device open while the server runs."""
    async with cl.aopen() as neurons:
        app.state.service = Service(neurons)
        yield


class SameSite:
    """Middleware that refuses what pages of other sites send, by the rules of the data visualiser.

    Their browser says where they are from (Origin), and which name it asks for (Host): one that somebody
    else may own is not taken for this computer's.
    """

    def __init__(self, app: ASGIApp, url: str | None = None) -> None:
        self.app = app
        self.url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = None if scope["type"] == "lifespan" else self.refusal(scope)
        if why is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(BAD_REQUEST)(scope, receive, send)
        else:
            await refusal(403, why)(scope, receive, send)

    def refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, port = scope.get("server") or ("localhost", None)
        return Access(host, port or 80, url=self.url).refusal(
            headers.getlist("host"),
            headers.getlist("origin"),
            headers.get("sec-fetch-site"),
            headers.get("sec-fetch-mode"),
        )


def create_app(url: str | None = None) -> Starlette:
    """Return the application, for any ASGI server; `url` is where browsers find it, behind a proxy."""
    return Starlette(
        routes=[
            Route("/status", status),
            Route("/stim", stim, methods=["POST"]),
            Route("/record", start_recording, methods=["POST"]),
            Route("/record", end_recording, methods=["DELETE"]),
            WebSocketRoute("/spikes", spikes),
        ],
        middleware=[Middleware(SameSite, url=url)],
        exception_handlers={cl.DeviceDisconnectedError: disconnected, ClientDisconnect: vanished},
        lifespan=lifespan,
    )


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--url", help="where browsers find the service, behind a proxy")
    options = parser.parse_args()
    # Whoever is still connected is told to go, and waited for no longer than a moment.
    uvicorn.run(
        create_app(options.url),
        host=options.host,
        port=options.port,
        log_level=os.environ.get("LOG_LEVEL", "info"),
        timeout_graceful_shutdown=2,
        ws_max_size=LARGEST_BODY,
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()

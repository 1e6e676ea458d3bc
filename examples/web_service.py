"""A web service around a device: status, stimulation, recordings, and live spikes over WebSockets.

    pip install ".[web]"                (from a clone)
    python examples/web_service.py --port 8000

    GET    /                            what there is; /openapi.json says it to programs
    GET    /status, /health, /metrics   where the device is, and what it does; the last as Prometheus reads it
    POST   /stim                        {"channels": [8, 9], "current_uA": 1.0, "count": 5, "hz": 20}
    POST   /interrupt                   {"channels": [8]}, or nothing for all: drop what is queued
    POST   /record, DELETE /record      start a recording, end it
    GET    /recordings, /recordings/N   those of this folder, and one of them
    WS     /spikes?channels=8,9         {"spikes": [[timestamp, channel], ...]} as they come

The device is opened when the server starts and closed when it stops, which finalises a recording that runs.
Each client has a stream of its own: one that is slow gets larger batches, one that falls behind the history
(5 s) is told how much it missed, and one that vanishes is forgotten; none of them makes another one wait.
No channel is given more to do than `--most-queued-seconds`. With `--token-file` all but /health want
`Authorization: Bearer TOKEN`; without, whoever reaches the port may stimulate. Web pages of other sites,
which a browser on this computer may be showing, are refused, also those that make their name lead to this
computer ("DNS rebinding"). Behind a proxy, `--url` says under which name browsers know the service.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

import cl
from cl.visualisation.server.access import is_loopback
from cl.visualisation.server.asgi_gate import AsgiGate

PAUSE_SECONDS = 0.003
"""A client gets what comes within this time in one message: fifty clients cost fifty messages, not more."""
MOST_SPIKES = 2_000  # of one message
LARGEST_BODY, LONGEST_CLOSE = (
    10_000,
    120,
)  # bytes; the second of the reason in a frame that closes a WebSocket
GOING_AWAY, BAD_REQUEST = 1001, 1008


class StimBody(BaseModel):
    """What /stim takes."""

    channels: int | list[int]
    current_uA: float
    duration_us: int = 160
    count: int = 1
    hz: float = 100


class InterruptBody(BaseModel):
    """What /interrupt takes: without channels it is for all."""

    channels: int | list[int] | None = None


class RecordBody(BaseModel):
    """What /record takes: without seconds it runs until it is ended."""

    seconds: float | None = None


class Service:
    """The device, and what the requests share."""

    def __init__(self, neurons: cl.Neurons, most_queued_seconds: float) -> None:
        self.neurons = neurons
        self.recording: cl.Recording | None = None
        self.clients = 0
        self.counts = {"stims": 0, "refused": 0, "spikes_sent": 0, "spikes_missed": 0}
        self.lock = anyio.Lock()
        self.most_queued = round(most_queued_seconds * neurons.get_frames_per_second())
        self.busy_until: dict[int, int] = {}
        """The timestamp at which each channel will have done what it was told, or sooner."""

    def stim(self, channels: cl.ChannelSet, design: cl.StimDesign, burst: cl.BurstDesign | None) -> None:
        """Queue a stim, unless a channel would be busy for too long: Busy."""
        now, rate = self.neurons.timestamp(), self.neurons.get_frames_per_second()
        count, interval_us = (1, 5_000) if burst is None else (burst.burst_count, burst.interval_us)
        frames = count * max(interval_us, design.duration_us) * rate // 1_000_000
        until = max((self.busy_until.get(channel, 0) for channel in channels), default=0)
        until = max(until, now) + frames
        if until > now + self.most_queued:
            text = f"the channels would be busy for {(until - now) / rate:.0f} s"
            raise Busy(f"{text}, and {self.most_queued / rate:g} s is the most: interrupt, or wait")
        self.neurons.stim(channels, design, burst)
        self.counts["stims"] += 1
        self.busy_until.update(dict.fromkeys(channels, until))

    def interrupt(self, channels: cl.ChannelSet) -> None:
        self.neurons.interrupt(channels)
        for channel in channels:
            self.busy_until.pop(channel, None)

    async def start_recording(self, seconds: float | None) -> cl.Recording | None:
        """Start a recording; None where one runs already."""
        async with self.lock:
            if self.recording is not None and not self.recording.has_stopped():
                return None
            # Making a file takes a moment: the other clients go on meanwhile.
            begin = partial(self.neurons.record, "web", stop_after_seconds=seconds)
            self.recording = await to_thread.run_sync(begin)
            return self.recording

    async def end_recording(self) -> cl.Recording | None:
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


class Busy(Refused):
    """A request that could be done later."""


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


async def metrics(request: Request) -> PlainTextResponse:
    """Return figures in the text format that Prometheus reads."""
    service: Service = request.app.state.service
    running = service.recording is not None and not service.recording.has_stopped()
    gauges = {"timestamp": service.neurons.timestamp(), "clients": service.clients, "recording": int(running)}
    lines = [f"# TYPE cl_{name} gauge\ncl_{name} {value}\n" for name, value in gauges.items()]
    lines += [f"# TYPE cl_{name}_total counter\ncl_{name}_total {n}\n" for name, n in service.counts.items()]
    return PlainTextResponse("".join(lines), media_type="text/plain; version=0.0.4")


async def stim(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    channels, design, burst = stim_arguments(await body_of(request, set(StimBody.model_fields)))
    service.stim(channels, design, burst)
    return JSONResponse({"timestamp": service.neurons.timestamp(), "channels": list(channels)}, 202)


async def interrupt(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    chosen = (await body_of(request, {"channels"}, may_be_empty=True)).get("channels")
    channels = cl.ChannelSet(range(64) if chosen is None else chosen)
    service.interrupt(channels)
    return JSONResponse({"timestamp": service.neurons.timestamp(), "channels": list(channels)}, 202)


def files() -> dict[str, Path]:
    """Return the recordings of this folder by their names, which lead nowhere else."""
    return {path.name: path for path in sorted(Path().glob("*.h5"))}


async def recordings(request: Request) -> JSONResponse:
    listed = [{"name": name, "bytes": path.stat().st_size} for name, path in files().items()]
    return JSONResponse({"recordings": listed})


async def one_recording(request: Request) -> Response:
    if (name := request.path_params["name"]) not in files():
        raise HTTPException(404, f"there is no recording {name!r}")
    return FileResponse(name, media_type="application/x-hdf5", filename=name)


async def index(request: Request) -> JSONResponse:
    listed = {f"{method} {path}": summary for method, path, _, summary, _ in ROUTES}
    return JSONResponse({"openapi": "/openapi.json", **listed, "WS /spikes": "Spikes as they come"})


async def start_recording(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    seconds = (await body_of(request, {"seconds"}, may_be_empty=True)).get("seconds")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
        raise Refused(f"seconds must be a number, not {seconds!r}")
    if (recording := await service.start_recording(seconds)) is None:
        raise Busy("a recording runs already")
    return JSONResponse({"file": recording.file["path"], "start": recording.start_timestamp}, 201)


async def end_recording(request: Request) -> JSONResponse:
    if (recording := await request.app.state.service.end_recording()) is None:
        raise HTTPException(404, "no recording runs")
    return JSONResponse({"file": recording.file["path"]})


async def body_of(request: Request, known: set[str], may_be_empty: bool = False) -> dict[str, Any]:
    """Return the JSON object that a request carries, which has no other keys than those that are known."""
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
    if unknown := body.keys() - known:
        raise Refused(f"unknown: {', '.join(sorted(unknown))}")
    return body


def stim_arguments(body: dict[str, Any]) -> tuple[cl.ChannelSet, cl.StimDesign, cl.BurstDesign | None]:
    """Return what `neurons.stim` takes; what is wrong with the numbers it says itself."""
    if "channels" not in body or "current_uA" not in body:
        raise Refused("channels and current_uA are needed")
    current, duration = body["current_uA"], body.get("duration_us", 160)
    if isinstance(current, bool) or not isinstance(current, int | float):
        raise Refused(f"current_uA must be a number, not {current!r}")
    channels = cl.ChannelSet(body["channels"])
    design = cl.StimDesign(duration, -current, duration, current)
    if "count" not in body and "hz" not in body:
        return channels, design, None
    return channels, design, cl.BurstDesign(body.get("count", 1), body.get("hz", 100))


STATUSES: dict[type[Exception], int] = {
    Busy: 409,
    Refused: 422,
    ValueError: 422,
    TypeError: 422,
    cl.TransactionRejected: 409,  # it was in order, but the device has no room for it: nothing was queued
    cl.RecordingFailedError: 500,
    OSError: 500,
    cl.DeviceDisconnectedError: 503,
    ClientDisconnect: 400,  # nobody reads it
}
"""What a request is answered with whose endpoint raises."""


async def refused(request: Request, error: Exception) -> JSONResponse:
    """Answer with the reason, as JSON, whatever it was."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code)
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    request.app.state.service.counts["refused"] += 1
    named = isinstance(error, cl.TransactionRejected)
    return JSONResponse({"error": reason(f"{type(error).__name__}: {error}" if named else error)}, status)


def reason(why: object, most_bytes: int = 1_000) -> str:
    """Return a text that can be sent; it may quote what a client wrote, which may be no Unicode."""
    return str(why).encode("utf-8", "backslashreplace")[:most_bytes].decode("utf-8", "ignore")


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
            await send_spikes(socket, stream, service)
    except* WebSocketDisconnect:
        pass  # the client has gone while something was sent to it
    except* cl.DeviceDisconnectedError as errors:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(GOING_AWAY, reason(errors.exceptions[0], LONGEST_CLOSE))
    finally:
        service.clients -= 1


async def send_spikes(socket: WebSocket, stream: Any, service: Service) -> None:
    """Send what comes until the stream ends. The next batch is taken when the last one has been sent."""
    while True:
        try:
            batch = await stream.batch(MOST_SPIKES)
        except cl.LaggedError as error:
            service.counts["spikes_missed"] += error.missed
            await socket.send_text(f'{{"missed": {error.missed}}}')
            continue
        if not batch:
            return
        found = ",".join(f"[{spike.timestamp},{spike.channel}]" for spike in batch)
        await socket.send_text(f'{{"spikes":[{found}]}}')
        service.counts["spikes_sent"] += len(batch)
        await anyio.sleep(PAUSE_SECONDS)


async def end_with_client(socket: WebSocket, scope: anyio.CancelScope) -> None:
    """Wait until the client has gone; what it sends is not looked at."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()


def chosen_channels(socket: WebSocket) -> list[int] | None:
    text = socket.query_params.get("channels")
    if text is not None and not text.replace(",", "").isdecimal():
        raise ValueError(f"channels={text!r}: it takes numbers from 0 to 63, with commas between them")
    return None if text is None else [int(number) for number in text.split(",")]


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the device open while the server runs."""
    async with cl.aopen() as neurons:
        app.state.service = Service(neurons, app.state.most_queued_seconds)
        yield


ROUTES: list[tuple[str, str, Any, str, type[BaseModel] | None]] = [
    ("GET", "/", index, "What there is", None),
    ("GET", "/status", status, "Where the device is, and what it does", None),
    ("GET", "/health", status, "The same, without a token; 503 where the device has gone", None),
    ("GET", "/metrics", metrics, "Figures for Prometheus", None),
    ("POST", "/stim", stim, "Queue a stim", StimBody),
    ("POST", "/interrupt", interrupt, "Drop what is queued", InterruptBody),
    ("POST", "/record", start_recording, "Start a recording", RecordBody),
    ("DELETE", "/record", end_recording, "End the recording", None),
    ("GET", "/recordings", recordings, "The recordings of this folder", None),
    ("GET", "/recordings/{name}", one_recording, "One of them, an HDF5 file", None),
]


def create_app(url: str | None = None, token: str | None = None, most_queued_s: float = 3600) -> FastAPI:
    """Return the application, for any ASGI server; `url` is where browsers find it, behind a proxy."""
    # Its own pages of documentation take scripts from elsewhere.
    app = FastAPI(title="cl-aio", version=cl.__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(AsgiGate, url=url, token=token)
    errors: list[type[Exception]] = [HTTPException, *STATUSES]
    for error in errors:
        app.add_exception_handler(error, refused)
    app.state.most_queued_seconds = most_queued_s
    for method, path, endpoint, summary, body in ROUTES:
        content = {"application/json": {"schema": body.model_json_schema()}} if body else None
        extra = {"requestBody": {"content": content}} if content else None
        options: Any = {"summary": summary, "response_model": None, "openapi_extra": extra}
        app.add_api_route(path, endpoint, methods=[method], **options)
    app.add_api_websocket_route("/spikes", spikes)
    return app


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--token-file", type=Path, help="a file with the token that requests have to bring")
    parser.add_argument("--most-queued-seconds", type=float, default=3600, help="of one channel (3600)")
    parser.add_argument("--url", help="where browsers find the service, behind a proxy")
    options = parser.parse_args()
    token = options.token_file.read_text("utf-8").strip() if options.token_file else None
    if token == "" or (token is None and not is_loopback(options.host)):
        parser.error("beyond this computer, --host wants a --token-file with a token in it")
    # Whoever is still connected is told to go, and waited for no longer than a moment.
    app = create_app(options.url, token, options.most_queued_seconds)
    log_level = os.environ.get("LOG_LEVEL", "info")
    limits: Any = {
        "timeout_graceful_shutdown": 2,
        "ws_max_size": LARGEST_BODY,
        "ws_per_message_deflate": False,
    }
    uvicorn.run(app, host=options.host, port=options.port, log_level=log_level, **limits)


if __name__ == "__main__":
    main()

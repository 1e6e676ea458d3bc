"""Live events over ZeroMQ: messages of three parts, as those of Open Ephys.

The extra `zmq`: pip install 'cl-aio[zmq]'.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

from cl._values.constants import FRAMES_PER_SECOND
from cl.events import Spike, Stim

from .addresses import host_and_port
from .bridge import Bridge, phases_of
from .missing import missing

try:
    import zmq
except ImportError as error:
    raise missing("cl.interop.zmq", "pyzmq", "zmq") from error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cl.neurons import Neurons
    from cl.stim import ChannelSet

    from .bridge import Event

HIGH_WATER_MARK: Final = 1000
"""Messages kept for a subscriber that takes none; what comes then is lost to it."""
_SPIKE: Final = struct.Struct("<QB")
_STIM: Final = struct.Struct("<QBB3I3f")
_SPIKE_FIELDS: Final = (("timestamp", "<u8"), ("channel", "u1"))
_STIM_FIELDS: Final = (
    *_SPIKE_FIELDS,
    ("phases", "u1"),
    ("duration_us", "<u4", (3,)),
    ("current_uA", "<f4", (3,)),
)


class Publisher(Bridge):
    """Publishes on a ZeroMQ PUB socket that is bound to `address`: `[HOST:]PORT`, port 0 for a free one.

    A message has three parts: the topic (`spikes`, `stims` or `data`), a header in JSON, the payload. In
    the header are `message_num`, which counts the messages of the topic, so that a gap tells what was lost,
    `type` (the topic), `timestamp` of the first event, `count`, `missed` (events that were lost before they
    could be sent, in all), `frames_per_second`, `data_size` in bytes, and `fields`, the payload's as numpy
    names them. The payload of `data` is an entry of a data stream as recordings hold it, in msgpack; its
    header has the `stream`.
    """

    def __init__(
        self,
        neurons: Neurons,
        address: str,
        *,
        channels: ChannelSet | int | Iterable[int] | None = None,
        from_timestamp: int | None = None,
    ) -> None:
        super().__init__(neurons, channels, from_timestamp)
        self._host, self._port = host_and_port(address, least=0)
        self._numbers = {"spikes": 0, "stims": 0, "data": 0}
        self._context: zmq.Context[Any] | None = None
        self._socket: Any = None
        self.address = ""
        """What subscribers connect to, once there is something."""

    def _open(self) -> None:
        context = zmq.Context()
        out = context.socket(zmq.PUB)
        out.setsockopt(zmq.LINGER, 0)
        out.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
        out.setsockopt(zmq.IPV6, int(":" in self._host))
        host = f"[{self._host}]" if ":" in self._host else self._host
        try:
            out.bind(f"tcp://{host}:{self._port}")
        except zmq.ZMQError as error:
            context.destroy(linger=0)
            raise OSError(error.errno, f"cannot publish at {host}:{self._port}: {error}") from error
        self._context, self._socket = context, out
        self.address = out.getsockopt_string(zmq.LAST_ENDPOINT)

    def _close(self) -> None:
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = self._socket = None

    def _send(self, events: list[Event]) -> None:
        spikes = [event for event in events if isinstance(event, Spike)]
        stims = [event for event in events if isinstance(event, Stim)]
        if spikes:
            payload = b"".join([_SPIKE.pack(spike.timestamp, spike.channel) for spike in spikes])
            self._publish("spikes", spikes[0].timestamp, len(spikes), payload, fields=_SPIKE_FIELDS)
        if stims:
            payload = b"".join([_packed_stim(stim) for stim in stims])
            self._publish("stims", stims[0].timestamp, len(stims), payload, fields=_STIM_FIELDS)
        for event in events:
            if not isinstance(event, Spike | Stim):
                self._publish("data", event.timestamp, 1, event.packed, stream=event.stream_name)

    def _publish(self, topic: str, timestamp: int, count: int, payload: bytes, **more: Any) -> None:
        header = {
            "message_num": self._numbers[topic],
            "type": topic,
            "timestamp": timestamp,
            "count": count,
            "missed": self._missed + self._dropped,
            "frames_per_second": FRAMES_PER_SECOND,
            "data_size": len(payload),
            **more,
        }
        self._numbers[topic] += 1
        try:
            self._socket.send_multipart([topic.encode(), json.dumps(header).encode(), payload], zmq.DONTWAIT)
        except zmq.Again:
            self._dropped += count
        else:
            self._sent += count


def _packed_stim(stim: Stim) -> bytes:
    durations, currents = phases_of(stim)
    none = [0] * (3 - len(durations))
    return _STIM.pack(stim.timestamp, stim.channel, len(durations), *durations, *none, *currents, *none)

"""Bursts: frames in which a culture, or a channel, is bursting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, overload

from cl.analysis.optional import missing

try:
    from pydantic_core import core_schema
except ImportError as error:
    raise missing("pydantic") from error

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler


@dataclass
class Burst:
    """The frames [start_frame, end_frame) of one burst."""

    start_frame: int
    end_frame: int

    def get_duration(self, sampling_frequency: float) -> float:
        """Return how long it lasts, in seconds, at so many frames a second."""
        return (self.end_frame - self.start_frame) / sampling_frequency


@dataclass
class Bursts:
    """Bursts in order of time: a sequence, and a machine that is told at each frame whether there is one."""

    data: list[Burst] = field(default_factory=list)
    _current_burst_start_frame: int | None = None

    @property
    def is_bursting(self) -> bool:
        """Whether a burst has begun that has not ended."""
        return self._current_burst_start_frame is not None

    def step(self, frame: int, is_bursting: bool) -> None:
        """Open a burst at a frame, or close the one that is open; nothing if that is how it is."""
        if is_bursting and self._current_burst_start_frame is None:
            self._current_burst_start_frame = frame
        elif not is_bursting:
            self.finalise(frame)

    def finalise(self, end_frame: int) -> None:
        """Close the burst that is open, if one is."""
        if self._current_burst_start_frame is not None:
            self.data.append(Burst(self._current_burst_start_frame, end_frame))
            self._current_burst_start_frame = None

    def __iter__(self) -> Iterator[Burst]:
        return iter(self.data)

    @overload
    def __getitem__(self, index: int) -> Burst: ...
    @overload
    def __getitem__(self, index: slice) -> list[Burst]: ...
    def __getitem__(self, index: int | slice) -> Burst | list[Burst]:
        return self.data[index]

    def __len__(self) -> int:
        return len(self.data)


class _AsList:
    """The annotation of bursts in a result: a list of their first and last frames in files."""

    @staticmethod
    def validate(value: Any) -> Bursts:
        if isinstance(value, Bursts):
            return value
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"bursts are a list, not {type(value).__name__}")
        return Bursts([_burst(item) for item in value])

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_plain_validator_function(
            self.validate, serialization=core_schema.plain_serializer_function_ser_schema(_listed)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        frames = {name: {"type": "integer"} for name in ("start_frame", "end_frame")}
        return {
            "type": "array",
            "items": {"type": "object", "properties": frames, "required": list(frames)},
        }


def _listed(bursts: Bursts) -> list[dict[str, int]]:
    return [{"start_frame": burst.start_frame, "end_frame": burst.end_frame} for burst in bursts]


def _burst(value: Any) -> Burst:
    if isinstance(value, Burst):
        return value
    if not isinstance(value, dict) or value.keys() != {"start_frame", "end_frame"}:
        raise ValueError(f"a burst has start_frame and end_frame, not {value!r}")
    if not all(isinstance(frame, int) and not isinstance(frame, bool) for frame in value.values()):
        raise ValueError(f"a burst's frames are integers, not {value!r}")
    return Burst(**value)


BurstsType: TypeAlias = Annotated[Bursts, _AsList()]
"""Bursts as a field: validated from a list of {"start_frame", "end_frame"} as well."""

"""The base of all results: metadata, files, equality."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from cl._values.upwards import from_above
from cl.analysis.optional import missing

from .fields import plain

try:
    from pydantic import BaseModel, ConfigDict
    from pydantic_core import ValidationError
except ImportError as error:
    raise missing("pydantic") from error

_Result = TypeVar("_Result", bound="AnalysisResult")
_INTEGER = re.compile(r"-?\d+\Z", re.ASCII)


class AnalysisMetadata(BaseModel):
    """The recording that a result is of: always all of it, also under an analysis limit."""

    file_path: str
    channel_count: int
    sampling_frequency: int | float
    """Frames per second."""
    duration_frames: int
    duration_seconds: float


class AnalysisResult(BaseModel):
    """A result of an analysis: a pydantic model with numpy arrays, independent of the view it came from.

    `save` writes JSON, `from_file` reads it. Results are equal if all fields are, arrays by shape and
    content, NaN being equal to NaN. Subclasses with fields of their own are saved and loaded like these.
    """

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)

    metadata: AnalysisMetadata

    def save(self, fpath: str | os.PathLike[str]) -> None:
        """Write the result as JSON; what is at `fpath` is replaced once all of it is written.

        NaN and infinities are "nan", "inf" and "-inf", a pair of channels as a key is "9,10".
        """
        text = json.dumps(plain(self.model_dump()), indent=4, allow_nan=False)
        target = os.fspath(fpath)
        written = f"{target}.{os.getpid()}.tmp"
        try:
            with open(written, "x", encoding="utf-8") as file:
                file.write(text)
            os.replace(written, target)
        except BaseException:
            if os.path.exists(written):
                os.unlink(written)
            raise

    @classmethod
    def from_file(cls: type[_Result], fpath: str | os.PathLike[str]) -> _Result:
        """Read a saved result, of this class or, from `AnalysisResult`, of the class that has its fields.

        Files of cl-sdk are read as well. `ValueError` for what is no JSON or, on the base class, a result
        of no class that is known; pydantic's `ValidationError` (one, too) for missing or unknown fields.
        """
        with open(fpath, encoding="utf-8") as file:
            found = json.load(file, object_pairs_hook=_object)
        if cls is not AnalysisResult:
            return cls._of(found)
        names = found.keys() if isinstance(found, dict) else set()
        for known in _classes():
            if known.model_fields.keys() == names:
                return known._of(found)  # type: ignore[return-value]
        raise ValueError(f"{os.fspath(fpath)!r} holds the fields of no result that is known: {sorted(names)}")

    @classmethod
    def _of(cls: type[_Result], found: Any) -> _Result:
        """Validate what a file has; fields that the class does not have are errors."""
        if isinstance(found, dict):
            unknown = [name for name in found if name not in cls.model_fields]
            if unknown:
                raise ValidationError.from_exception_data(
                    cls.__name__,
                    [{"type": "extra_forbidden", "loc": (name,), "input": found[name]} for name in unknown],
                )
        return cls.model_validate(found)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _equal(self.__dict__, other.__dict__)

    __hash__ = None  # type: ignore[assignment]


def _object(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    """Return a JSON object as a dict, keys that are integers as ints."""
    return {int(key) if _INTEGER.match(key) else key: value for key, value in pairs}


def _classes() -> Iterator[type[AnalysisResult]]:
    """Yield the results' classes, the package's own first."""
    todo: list[type[AnalysisResult]] = [*from_above("analysis_results")()]
    todo += [found for found in AnalysisResult.__subclasses__() if found not in todo]
    while todo:
        found = todo.pop(0)
        yield found
        todo += found.__subclasses__()


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, float) and isinstance(b, float) and a != a and b != b:
        return True
    return bool(a == b)

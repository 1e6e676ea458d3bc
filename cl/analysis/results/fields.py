"""The types of the results' fields: numpy arrays, and floats that JSON has no number for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cl.analysis.optional import missing

try:
    from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
    from pydantic_core import core_schema
except ImportError as error:
    raise missing("pydantic") from error

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler


def as_json(value: float) -> float | str:
    """Return a float as files have it: "nan", "inf" and "-inf" for what JSON has no number for."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def plain(value: Any) -> Any:
    """Return what files have of a value: lists, texts for floats that are not finite, texts as keys."""
    if isinstance(value, float):
        return as_json(value)
    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _key(key: Any) -> Any:
    return ",".join(map(str, key)) if isinstance(key, tuple) else key


class ArrayOf:
    """The annotation of a numpy array of a type and a number of dimensions.

    Validation makes an array of its own, `np.array(value, dtype)`: floats are cut to integers, texts such as
    "nan" become floats. It is serialised as a nested list, in JSON with "nan", "inf" and "-inf".
    """

    def __init__(self, dtype: type[np.generic], dimensions: int) -> None:
        self._dtype = np.dtype(dtype)
        self._dimensions = dimensions

    def validate(self, value: Any) -> NDArray[Any]:
        """Return the array; `ValueError` for what is none, or has another number of dimensions."""
        try:
            with np.errstate(invalid="raise"):
                array: NDArray[Any] = np.array(value, self._dtype)
        except (TypeError, ValueError, OverflowError, FloatingPointError) as error:
            raise ValueError(f"an array of {self._dtype} cannot be made of it: {error}") from error
        if array.size == 0 and array.ndim == 1 < self._dimensions:
            array = array.reshape((0,) * self._dimensions)
        if array.ndim != self._dimensions:
            raise ValueError(f"an array has {self._dimensions} dimensions here, this one has {array.ndim}")
        return array

    def as_list(self, value: Any, info: Any) -> Any:
        """Return the nested list that stands for the array."""
        array = np.asarray(value, self._dtype)
        listed = array.tolist()
        whole = info.mode != "json" or array.dtype.kind != "f" or bool(np.isfinite(array).all())
        return listed if whole else plain(listed)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_plain_validator_function(
            self.validate,
            serialization=core_schema.plain_serializer_function_ser_schema(self.as_list, info_arg=True),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "integer" if self._dtype.kind == "i" else "number"}
        for _ in range(self._dimensions):
            found = {"type": "array", "items": found}
        return found


def _special(value: Any) -> Any:
    """Read the texts that stand for floats which JSON has no number for; no other text is a number."""
    if isinstance(value, str):
        if value not in ("nan", "inf", "-inf"):
            raise ValueError(f'a number, "nan", "inf" or "-inf" is wanted, not {value!r}')
        return float(value)
    return value


Array1DInt: TypeAlias = Annotated[NDArray[np.int64], ArrayOf(np.int64, 1)]
"""An int64 array of one dimension."""
Array2DInt: TypeAlias = Annotated[NDArray[np.int64], ArrayOf(np.int64, 2)]
"""An int64 array of two dimensions."""
Array1DFloat: TypeAlias = Annotated[NDArray[np.float64], ArrayOf(np.float64, 1)]
"""A float64 array of one dimension."""
Array2DFloat: TypeAlias = Annotated[NDArray[np.float64], ArrayOf(np.float64, 2)]
"""A float64 array of two dimensions."""
SpecialFloat: TypeAlias = Annotated[
    float,
    BeforeValidator(_special),
    PlainSerializer(as_json),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}),
]
"""A float that may be NaN or infinite; serialised as "nan", "inf" or "-inf" then."""
Float: TypeAlias = Annotated[float, PlainSerializer(as_json, when_used="json")]
"""A float of a result: a float in `model_dump()`, and in JSON what `SpecialFloat` is."""

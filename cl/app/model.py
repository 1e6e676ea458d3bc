"""Types and models for the fields of configurations: what is stimulated, how, and for how long.

Each refuses what the device would refuse, and says in its JSON schema (title, format, bounds) how a page is
to ask for it. Values are checked in pydantic's lax mode: "1" and 1.0 pass for the integer 1. The types are
names of their own (`TypeAliasType`), so that a schema refers to one by its name.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from cl.stim import StimDesign

try:
    from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationInfo, field_validator
    from pydantic import Field as Field  # for the others here
    from pydantic_core import PydanticCustomError
    from typing_extensions import TypeAliasType
except ImportError as error:
    raise ImportError(
        "cl.app needs pydantic: install the extra, pip install 'cl-aio[app]'", name="pydantic"
    ) from error

__all__ = [
    "ChannelList",
    "DurationSeconds",
    "FrozenBaseModel",
    "STIMMABLE_CHANNELS",
    "SizeIntModel",
    "StimAmplitudeMicroAmps",
    "StimDesignModel",
    "StimFrequencyHz",
    "StimFrequencyRangeHzModel",
    "StimPulseComponentModel",
    "StimPulseWidthMicroSeconds",
    "StimmableChannel",
]

_MAX_UA: Final = 3.0
_MAX_NC: Final = 3.0
_MAX_WIDTH_US: Final = 10_000
_STEP_US: Final = 20
_MAX_HZ: Final = 200.0
_EXCLUDED: Final = "0-63, excluding non-stimulatable channels: [0, 4, 7, 56, 63]"

# fmt: off
STIMMABLE_CHANNELS = TypeAliasType("STIMMABLE_CHANNELS", Literal[
    1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, 52, 53, 54, 55, 57, 58, 59, 60, 61, 62,
])
# fmt: on
StimmableChannel = TypeAliasType(
    "StimmableChannel",
    Annotated[
        STIMMABLE_CHANNELS,
        Field(title="Stimmable Channel", description=f"Channel number ({_EXCLUDED})."),
    ],
)
ChannelList = TypeAliasType(
    "ChannelList",
    Annotated[
        list[StimmableChannel],
        Field(
            title="Stimmable Channel List",
            description=f"List of stimulatable channel numbers ({_EXCLUDED}).",
            min_length=1,
            max_length=59,
            json_schema_extra={"format": "channel_list", "uniqueItems": True},
        ),
    ],
)
StimAmplitudeMicroAmps = TypeAliasType(
    "StimAmplitudeMicroAmps",
    Annotated[
        float,
        Field(
            title="Stimulation Amplitude (µA)",
            description="Stimulation amplitude in microamperes.",
            gt=0.0,
            le=_MAX_UA,
            allow_inf_nan=False,
        ),
    ],
)
StimPulseWidthMicroSeconds = TypeAliasType(
    "StimPulseWidthMicroSeconds",
    Annotated[
        int,
        Field(
            title="Stimulation Pulse Width (µs)",
            description="Stimulation pulse width in microseconds.",
            gt=0,
            le=_MAX_WIDTH_US,
            multiple_of=_STEP_US,
        ),
    ],
)
StimFrequencyHz = TypeAliasType(
    "StimFrequencyHz",
    Annotated[
        float,
        Field(
            title="Stimulation Frequency (Hz)",
            description="Frequency of repeated stimulation pulses in a burst in Hertz.",
            gt=0.0,
            le=_MAX_HZ,
            allow_inf_nan=False,
        ),
    ],
)
DurationSeconds = TypeAliasType(
    "DurationSeconds",
    Annotated[int, Field(title="Duration", gt=0, json_schema_extra={"format": "duration"})],
)


class FrozenBaseModel(BaseModel):
    """A model whose instances never change, and that takes no fields but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StimPulseComponentModel(FrozenBaseModel):
    """A single component of a stimulation pulse, either a negative or positive leading-edge phase."""

    model_config = ConfigDict(title="Stimulation Pulse Component", json_schema_extra={"format": "grid"})

    pulse_width_us: StimPulseWidthMicroSeconds = Field(
        title="Pulse Width (µs)", description="The width of the pulse component in microseconds."
    )
    signed_amplitude_ua: float = Field(
        title="Signed Amplitude (µA)",
        description="The signed amplitude of the pulse component in microamperes. Must not be zero.",
        ge=-_MAX_UA,
        le=_MAX_UA,
        allow_inf_nan=False,
    )

    @field_validator("signed_amplitude_ua")
    @classmethod
    def validate_non_zero_amplitude_and_charge(cls, value: float, info: ValidationInfo) -> float:
        """Refuse 0, and more than 3.0 nC (not where the width itself is refused)."""
        if value == 0:
            raise PydanticCustomError(
                "zero_amplitude", "Stimulation pulse component amplitude must be non-zero."
            )
        width = info.data.get("pulse_width_us")
        if width is not None:
            _check_charge(width, value)
        return value


def _check_charge(width_us: int, amplitude_ua: float) -> None:
    """Refuse what the design of a stim would: with the amplitude as the decimal that it prints as."""
    try:
        StimDesign(width_us, amplitude_ua)
    except ValueError:
        charge = round(abs(amplitude_ua) * width_us / 1000, 9)
        raise PydanticCustomError(
            "excessive_charge",
            "The charge of each stimulation pulse component (amplitude * pulse width) must not exceed "
            f"{_MAX_NC} nano Coulombs to ensure safety. The current component has a charge of "
            "{charge} nanoCoulombs.",
            {"charge": charge},
        ) from None


class StimDesignModel(FrozenBaseModel):
    """Configuration for a single stimulation design."""

    model_config = ConfigDict(title="Stimulation Design", json_schema_extra={"format": "stim_design"})

    components: list[StimPulseComponentModel] = Field(
        title="Stimulation Pulse Components",
        description="List of stimulation pulse components (consisting from 1 to 3 components).",
        min_length=1,
        max_length=3,
    )
    _design: StimDesign = PrivateAttr()

    @field_validator("components")
    @classmethod
    def validate_pulse_signs(cls, value: list[StimPulseComponentModel]) -> list[StimPulseComponentModel]:
        """Refuse neighbours of the same sign."""
        signs = [component.signed_amplitude_ua > 0 for component in value]
        if any(first == second for first, second in pairwise(signs)):
            raise PydanticCustomError(
                "invalid_pulse_signs",
                "Stimulation pulse components must alternate in sign (negative/positive).",
            )
        return value

    def model_post_init(self, context: Any, /) -> None:
        """Make the design."""
        super().model_post_init(context)
        phases = ((one.pulse_width_us, one.signed_amplitude_ua) for one in self.components)
        self._design = StimDesign(*(number for phase in phases for number in phase))

    def to_stim_design(self) -> StimDesign:
        """Return the design, the same object each time."""
        return self._design


class StimFrequencyRangeHzModel(FrozenBaseModel):
    """A valid stimulation frequency range in Hz."""

    model_config = ConfigDict(title="Stimulation Frequency Range (Hz)")

    min: StimFrequencyHz = Field(title="Minimum", description="")
    max: StimFrequencyHz = Field(title="Maximum", description="")

    @field_validator("max")
    @classmethod
    def validate_max(cls, value: float, info: ValidationInfo) -> float:
        """Refuse a maximum below the minimum."""
        least = info.data.get("min")
        if least is not None and value < least:
            raise PydanticCustomError(
                "max_less_than_min",
                "The maximum value {value} must be greater than or equal to the minimum value {min}",
                {"value": value, "min": least},
            )
        return value

    @property
    def span(self) -> float:
        """The maximum minus the minimum, in Hz."""
        return self.max - self.min


class SizeIntModel(FrozenBaseModel):
    """Base class for positive 2D integer size configurations."""

    width: int = Field(gt=0)
    height: int = Field(gt=0)

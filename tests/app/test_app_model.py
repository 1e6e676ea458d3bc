"""The types and models of `cl.app.model`: what they take, what they refuse and how, and their schemas."""

from __future__ import annotations

from typing import Any

import pytest
from extras import need_extra

need_extra("app", "pydantic")

from pydantic import Field, TypeAdapter, ValidationError  # noqa: E402

from cl import StimDesign  # noqa: E402
from cl.app import BaseApplicationConfig, model  # noqa: E402


def kinds(wanted: Any, value: object) -> list[str]:
    """Return the types of the errors that a value makes."""
    try:
        TypeAdapter(wanted).validate_python(value)
    except ValidationError as error:
        return [one["type"] for one in error.errors()]
    return []


def pulse(width: Any, amplitude: Any) -> dict[str, Any]:
    return {"pulse_width_us": width, "signed_amplitude_ua": amplitude}


@pytest.mark.parametrize(
    ("name", "value", "errors"),
    [
        ("StimAmplitudeMicroAmps", 0, ["greater_than"]),
        ("StimAmplitudeMicroAmps", 3.0, []),
        ("StimAmplitudeMicroAmps", "1", []),
        ("StimAmplitudeMicroAmps", 3.01, ["less_than_equal"]),
        ("StimAmplitudeMicroAmps", float("inf"), ["finite_number"]),
        ("StimAmplitudeMicroAmps", float("nan"), ["finite_number"]),
        ("StimPulseWidthMicroSeconds", 20, []),
        ("StimPulseWidthMicroSeconds", 20.0, []),
        ("StimPulseWidthMicroSeconds", 10_000, []),
        ("StimPulseWidthMicroSeconds", 30, ["multiple_of"]),
        ("StimPulseWidthMicroSeconds", 0, ["greater_than"]),
        ("StimPulseWidthMicroSeconds", 10_020, ["less_than_equal"]),
        ("StimFrequencyHz", 200.0, []),
        ("StimFrequencyHz", 200.1, ["less_than_equal"]),
        ("StimFrequencyHz", float("inf"), ["finite_number"]),
        ("DurationSeconds", 0, ["greater_than"]),
        ("DurationSeconds", True, []),
        ("StimmableChannel", 8, []),
        ("StimmableChannel", 4, ["literal_error"]),
        ("StimmableChannel", "8", ["literal_error"]),
        ("ChannelList", [8.0, True, 8], []),
        ("ChannelList", (1, 2), []),
        ("ChannelList", [], ["too_short"]),
        ("ChannelList", [8] * 60, ["too_long"]),
        ("ChannelList", [1, 0, 63], ["literal_error", "literal_error"]),
        ("StimPulseComponentModel", pulse(20, -0.0), ["zero_amplitude"]),
        ("StimPulseComponentModel", pulse(1000, -3.0), []),
        ("StimPulseComponentModel", pulse(10_000, 0.3), []),
        ("StimPulseComponentModel", pulse(1020, 3.0), ["excessive_charge"]),
        ("StimPulseComponentModel", pulse(30, 3.0), ["multiple_of"]),
        ("StimPulseComponentModel", pulse(20, -3.1), ["greater_than_equal"]),
        ("StimPulseComponentModel", pulse(20, float("nan")), ["finite_number"]),
        ("StimDesignModel", {"components": []}, ["too_short"]),
        ("StimDesignModel", {"components": [pulse(20, 1), pulse(20, 1)]}, ["invalid_pulse_signs"]),
        ("StimDesignModel", {"components": [pulse(20, 1), pulse(20, -1)] * 2}, ["too_long"]),
        ("StimFrequencyRangeHzModel", {"min": 5, "max": 5}, []),
        ("StimFrequencyRangeHzModel", {"min": 5, "max": 4}, ["max_less_than_min"]),
        ("StimFrequencyRangeHzModel", {"min": 0, "max": 4}, ["greater_than"]),
        ("SizeIntModel", {"width": 1, "height": 0}, ["greater_than"]),
        ("SizeIntModel", {"width": 1, "height": 2, "depth": 3}, ["extra_forbidden"]),
    ],
)
def test_values_are_taken_and_refused(name: str, value: object, errors: list[str]) -> None:
    assert kinds(getattr(model, name), value) == errors


def test_the_channels_are_those_that_can_be_stimulated() -> None:
    taken = [channel for channel in range(-1, 65) if not kinds(model.STIMMABLE_CHANNELS, channel)]
    assert taken == [channel for channel in range(64) if channel not in (0, 4, 7, 56, 63)]


def test_a_design_is_made_once() -> None:
    made = model.StimDesignModel.model_validate({"components": [pulse(160, -1), pulse(160, 1)]})
    assert made.to_stim_design() == StimDesign(160, -1.0, 160, 1.0)
    assert made.to_stim_design() is made.to_stim_design()


def test_a_range_has_a_span() -> None:
    assert model.StimFrequencyRangeHzModel(min=4, max=10).span == 6


def test_models_are_frozen() -> None:
    size = model.SizeIntModel(width=1, height=2)
    with pytest.raises(ValidationError, match="frozen"):
        size.width = 3


class _Config(BaseApplicationConfig):
    channels: model.ChannelList
    design: model.StimDesignModel
    hz: model.StimFrequencyRangeHzModel
    wait: model.DurationSeconds = Field(default=0, gt=-1)


def test_the_schema_says_how_a_page_asks() -> None:
    schema = _Config.model_json_schema()
    assert list(schema["properties"]) == [
        *("name", "timeout_s", "config_version"),
        *("channels", "design", "hz", "wait"),
    ]
    assert schema["required"] == ["name", "channels", "design", "hz"]
    name, defs = schema["properties"]["name"], schema["$defs"]
    assert (name["title"], name["format"], name["maxLength"]) == ("Configuration Name", "grid-break", 250)
    assert schema["properties"]["timeout_s"]["title"] == "Timeout"
    assert schema["properties"]["config_version"]["readOnly"] is True
    channels = defs["ChannelList"]
    assert (channels["format"], channels["uniqueItems"], channels["maxItems"]) == ("channel_list", True, 59)
    # Which of the two names the schema has depends on pydantic's version.
    assert len(defs.get("STIMMABLE_CHANNELS", defs["StimmableChannel"])["enum"]) == 59
    width = defs["StimPulseWidthMicroSeconds"]
    assert (width["exclusiveMinimum"], width["maximum"], width["multipleOf"]) == (0, 10_000, 20)
    assert (defs["StimPulseComponentModel"]["format"], defs["StimDesignModel"]["format"]) == (
        "grid",
        "stim_design",
    )
    durations = [entry for name, entry in defs.items() if "DurationSeconds" in name]
    assert {entry["format"] for entry in durations} == {"duration"}
    assert {entry["exclusiveMinimum"] for entry in durations} == {-1}


def test_a_fields_bound_replaces_that_of_its_type() -> None:
    made = _Config.model_validate(
        {
            "name": "a",
            "timeout_s": 0,
            "channels": [1],
            "design": {"components": [pulse(20, 1)]},
            "hz": {"min": 1, "max": 2},
        }
    )
    assert (made.wait, made.timeout_s) == (0, 0)

"""What the environment and `.env` may say, and the errors for what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cl._core.settings import Settings, load_settings


def test_an_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path) == Settings()


def test_every_variable_is_read(tmp_path: Path) -> None:
    found = load_settings(
        {
            "CL_SDK_ACCELERATED_TIME": "1",
            "CL_SDK_RANDOM_SEED": "42",
            "CL_SDK_SAMPLE_MEAN": "100.5",
            "CL_SDK_SPIKE_PERCENTILE": "99",
            "CL_SDK_SPIKE_VISIBILITY": "1",
            "CL_SDK_REPLAY_PATH": "/some/file.h5",
            "CL_SDK_REPLAY_START_OFFSET": "0",
            "CL_SDK_VISUALISATION": "0",
            "CL_SDK_VISUALISATION_HOST": "::1",
            "CL_SDK_DATA_SOURCE": "module:factory",
            "CL_SDK_DATA_SOURCE_CONFIG": '{"a": [1, 2]}',
            "CL_SDK_DATA_SOURCE_METADATA": '{"seekable": false}',
            "CL_SDK_DETECT_SPIKES": "1",
            "CL_SDK_JITTER_DETECTION": "true",
            "CL_SDK_CHANNEL_QUEUE_LIMIT": "8",
            "CL_SDK_SYNC_LIMIT": "9",
            "CL_SDK_DEFERRED_INTERRUPT_LIMIT": "10",
            "CL_SDK_SYNC_SECONDS": "2.5",
            "CL_DEVICE": "unix:/run/cl1.sock",
        },
        tmp_path,
    )
    assert found == Settings(
        accelerated=True,
        random_seed=42,
        sample_mean=100.5,
        spike_percentile=99.0,
        spike_visibility=True,
        replay_path="/some/file.h5",
        replay_start_offset=0,
        visualisation=False,
        visualisation_host="::1",
        data_source="module:factory",
        data_source_config={"a": [1, 2]},
        data_source_metadata={"seekable": False},
        detect_spikes=True,
        jitter_detection=True,
        channel_queue_limit=8,
        sync_limit=9,
        deferred_interrupt_limit=10,
        sync_seconds=2.5,
        device="unix:/run/cl1.sock",
    )


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("CL_SDK_ACCELERATED_TIME", "maybe", "1 or 0"),
        ("CL_SDK_RANDOM_SEED", "-1", "at least 0"),
        ("CL_SDK_RANDOM_SEED", "1.5", "whole number"),
        ("CL_SDK_RANDOM_SEED", "٣", "whole number"),
        ("CL_SDK_SAMPLE_MEAN", "loud", "number from 0 to 10000"),
        ("CL_SDK_SAMPLE_MEAN", "nan", "number from 0 to 10000"),
        ("CL_SDK_SAMPLE_MEAN", "10001", "number from 0 to 10000"),
        ("CL_SDK_SPIKE_PERCENTILE", "100.1", "number from 0 to 100"),
        ("CL_SDK_SPIKE_VISIBILITY", "2", "1 or 0"),
        ("CL_SDK_REPLAY_START_OFFSET", "-5", "at least 0"),
        ("CL_SDK_VISUALISATION", "perhaps", "1 or 0"),
        ("CL_SDK_DATA_SOURCE_CONFIG", "{", "JSON"),
        ("CL_SDK_DATA_SOURCE_METADATA", "[1]", "JSON object"),
        ("CL_SDK_DETECT_SPIKES", "x", "1 or 0"),
        ("CL_SDK_JITTER_DETECTION", "x", "1 or 0"),
        ("CL_SDK_CHANNEL_QUEUE_LIMIT", "0", "at least 1"),
    ],
)
def test_a_bad_value_names_variable_value_and_limit(
    tmp_path: Path, name: str, value: str, takes: str
) -> None:
    with pytest.raises(ValueError) as caught:
        load_settings({name: value}, tmp_path)
    text = str(caught.value)
    assert name in text
    assert value in text
    assert takes in text


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CL_SDK_RANDOM_SEED=5\nCL_SDK_SAMPLE_MEAN=80  # quiet\n")
    found = load_settings({"CL_SDK_RANDOM_SEED": "6"}, tmp_path)
    assert (found.random_seed, found.sample_mean) == (6, 80.0)


def test_a_dotenv_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"CL_SDK_RANDOM_SEED=5\nNAME=\xff\n")
    with pytest.raises(ValueError, match=r"\.env cannot be read as UTF-8 text"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("old", "value", "field", "expected"),
    [
        ("CL_SDK_WEBSOCKET", "0", "visualisation", False),
        ("CL_SDK_WEBSOCKET_HOST", "0.0.0.0", "visualisation_host", "0.0.0.0"),
    ],
)
def test_old_names_are_read_with_a_warning(
    tmp_path: Path, old: str, value: str, field: str, expected: object
) -> None:
    with pytest.warns(DeprecationWarning, match=old):
        found = load_settings({old: value}, tmp_path)
    assert getattr(found, field) == expected


def test_a_new_name_wins_over_its_old_one(tmp_path: Path) -> None:
    both = {"CL_SDK_WEBSOCKET": "0", "CL_SDK_VISUALISATION": "1"}
    with pytest.warns(DeprecationWarning, match="CL_SDK_WEBSOCKET"):
        assert load_settings(both, tmp_path).visualisation is True

"""The layers of variables: names are made one before they are merged, and `.env` as people write it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cl._core import variables
from cl._core.settings import load_settings
from cl._core.variables import OLD_NAMES, read_variables

pytestmark = pytest.mark.filterwarnings("ignore:CL_SDK_WEBSOCKET:DeprecationWarning")

NAMES = st.sampled_from([name for pair in OLD_NAMES.items() for name in pair])
LAYERS = st.dictionaries(NAMES, st.sampled_from(["", "0", "1", "host"]), max_size=4)


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "_said", set())


def file_in(folder: Path, text: str | bytes) -> Path:
    """Write a `.env`, and return its folder."""
    (folder / ".env").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


@given(environment=LAYERS, file=LAYERS)
def test_the_environment_wins_over_the_file_whichever_names_they_use(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], file: dict[str, str]
) -> None:
    folder = file_in(tmp_path_factory.mktemp("f"), "".join(f"{k}={v}\n" for k, v in file.items()))
    found = read_variables(environment, folder)
    for old, new in OLD_NAMES.items():
        # What one layer says: the new name's value, the old one's where that has none, or nothing.
        said = [
            layer.get(new) or layer.get(old, "") for layer in (environment, file) if {old, new} & layer.keys()
        ]
        assert found.get(new, "") == (said[0] if said else "")
        assert old not in found


def test_an_old_name_in_the_environment_wins_over_the_new_one_in_the_file(tmp_path: Path) -> None:
    file_in(tmp_path, "CL_SDK_VISUALISATION=1\n")
    assert not load_settings({"CL_SDK_WEBSOCKET": "0"}, tmp_path).visualisation


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_byte_order_mark_belongs_to_no_name(tmp_path: Path, mark: bytes, end: bytes) -> None:
    file_in(tmp_path, mark + b"CL_SDK_RANDOM_SEED=5" + end)
    assert load_settings({}, tmp_path).random_seed == 5


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    file_in(tmp_path, "CL_SDK_SAMPLE_MEAN=80 # µV, \udcff".encode(encoding, "surrogatepass"))
    with pytest.raises(ValueError, match=r"\.env"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME='${HOME_OF} $x'", "${HOME_OF} $x"),
        ("export  NAME = '${HOME_OF}'  # quoted", "${HOME_OF}"),
        ('NAME="${HOME_OF}"', "there"),
        ("NAME=${HOME_OF}/${NONE:-else}", "there/else"),
        ('NAME=\'{"a": "${HOME_OF}"}\'', '{"a": "${HOME_OF}"}'),
        ('NAME={"a": "=\'${HOME_OF}\'"}', '{"a": "=\'there\'"}'),
    ],
)
def test_single_quotes_hold_a_value_as_it_stands(tmp_path: Path, line: str, value: str) -> None:
    file_in(tmp_path, f"HOME_OF=there\n{line}\n")
    assert read_variables({}, tmp_path)["NAME"] == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("CL_SDK_RANDOM_SEED: 1\n", 1),
        ("A=1\r\n\r\n# a comment\r\nCL_SDK_RANDOM_SEED='5\r\n", 4),
        ('A=1\n\n\nCL_SDK_RANDOM_SEED="5\nB=2\n', 4),
        ("A=1\nCL_DEVICE\n", 2),
        ("A='1\nCL_SDK_RANDOM_SEED=1\nB='2'\n", 1),
    ],
)
def test_a_line_that_is_not_understood_is_named(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(ValueError, match=rf"\.env, line {line}: .*NAME=value"):
        read_variables({}, file_in(tmp_path, text))


def test_the_lines_of_others_are_theirs_to_mend(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    file_in(tmp_path, "what is this\nOTHER: 1\nMINE\nCL_SDK_RANDOM_SEED=5\nQUOTE='1\n")
    assert load_settings({}, tmp_path).random_seed == 5


def test_a_variable_without_effect_is_told_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file_in(tmp_path, "CL_SDK_RANDOMSEED=5\nOTHER=1\n")
    for _ in range(2):
        load_settings(
            {"CL_SDK_WEBSOCKET_PORT": "9000", "CL_SDK_RANDOM_SEED": "1", "CL_SOMETHING": ""}, tmp_path
        )
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" has no effect: ")[0] for line in told] == [
        "cl: CL_SDK_RANDOMSEED",
        "cl: CL_SDK_WEBSOCKET_PORT",
    ]
    assert "1025" in told[1]


def test_there_is_no_file_where_there_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError):
        os.getcwd()
    assert read_variables({"CL_SDK_RANDOM_SEED": "1"}) == {"CL_SDK_RANDOM_SEED": "1"}

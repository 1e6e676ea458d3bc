# ruff: noqa: S301 - what is unpickled here was pickled here
"""The helpers of `cl.util`: searching, serialising, events, deprecation, surroundings, unpickling."""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from bisect import bisect_left
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cl
from cl import util


class Plain:
    """An object with attributes."""

    def __init__(self) -> None:
        self.a, self.b = 1, (1, 2)


class Slotted:
    """An object with slots, its base's among them."""

    __slots__ = ("p", "q", "unset")

    def __init__(self) -> None:
        self.p, self.q = 1, np.arange(3)


@given(st.lists(st.integers(-5, 5)).map(sorted), st.integers(-6, 6), st.integers(0, 4))
def test_searching_finds_what_is_there(haystack: list[int], needle: int, width: int) -> None:
    keyed = [{"key": key} for key in haystack]
    at = bisect_left(haystack, needle)
    end = bisect_left(haystack, needle + width)
    for items, make_key in ((haystack, None), (keyed, lambda item: item["key"])):
        found = util.binary_search(items, needle, make_key)
        assert found == (at if needle in haystack else None)
        assert util.sorted_insert_position_before(items, needle, make_key) == at
        assert util.binary_search_range(items, needle, needle + width, make_key) == (at, end)
        assert util.binary_search_range(items, None, needle, make_key) == (0, at)
        assert util.binary_search_range(items, needle, None, make_key) == (at, len(items))
    with pytest.raises(ValueError, match="start_needle=1 lies behind end_needle=0"):
        util.binary_search_range(haystack, 1, 0)


@pytest.mark.parametrize(
    ("seconds", "rate", "frames"),
    [(1, 25_000, 25_000), (1 / 3, 25_000, 8334), (1e-9, 25_000, 1), (4e-11, 25_000, 0), (2, 3.5, 7)],
)
def test_seconds_to_minimum_frames(seconds: float, rate: float, frames: int) -> None:
    assert util.seconds_to_minimum_frames(seconds, rate) == frames


def test_frames_to_approximate_seconds() -> None:
    assert [util.frames_to_approximate_seconds(n, 3) for n in (7, -1)] == [2.33333, -0.33333]


def test_msgpack_takes_numpy_and_objects() -> None:
    value = {"a": [1, 2.5, None, "x", b"y"], "array": np.eye(2), "scalar": np.int64(3)}
    back = util.from_msgpacked(util.to_msgpacked(value))
    assert back["a"] == value["a"] and back["scalar"] == 3
    np.testing.assert_array_equal(back["array"], value["array"])
    assert util.from_msgpacked(util.to_msgpacked(Plain())) == {"a": 1, "b": [1, 2]}
    slotted = util.from_msgpacked(util.to_msgpacked([Slotted()]))[0]
    assert slotted["p"] == 1 and slotted["q"].tolist() == [0, 1, 2] and len(slotted) == 2
    for wrong in ({1, 2}, object(), 1 << 70):
        with pytest.raises((TypeError, OverflowError)):
            util.to_msgpacked(wrong)


@pytest.mark.parametrize(
    ("value", "text", "prettyish"),
    [
        ({"a": 1, "b": [1, (2, 3)]}, '{"a":1,"b":[1,[2,3]]}', '{"a":1,"b":[1, [2, 3]]}'),
        ({"a": [{"b": np.eye(2)}]}, '{"a":[{"b":[[1.0,0.0],[0.0,1.0]]}]}', None),
        (Plain(), '{"a":1,"b":[1,2]}', '{"a":1,"b":[1, 2]}'),
        (Slotted(), '{"p":1,"q":[0,1,2]}', None),
        (cl.ChannelSet(1, 2), "[1,2]", "[1, 2]"),
        (b"x", "[120]", None),
        (np.bool_(True), "true", "true"),
        (float("nan"), "NaN", "NaN"),
        (1 + 2j, '"(1+2j)"', None),
    ],
)
def test_json(value: Any, text: str, prettyish: str | None) -> None:
    assert util.to_json(value) == text
    assert util.to_json(value, True) == (prettyish or util.to_json(value, True))
    if text != "NaN":
        assert json.loads(util.to_json(value, prettyish=True)) == json.loads(text)


def test_an_event_calls_its_handlers_in_order() -> None:
    calls: list[Any] = []
    event = util.Event()
    first = event

    def one(*arguments: Any, **keywords: Any) -> None:
        calls.append((1, arguments, keywords))

    def two(*arguments: Any, **keywords: Any) -> None:
        calls.append((2, arguments, keywords))

    event += one
    event += two
    event(5, x=6)
    event -= one
    event -= one
    event()
    assert event is first
    assert calls == [(1, (5,), {"x": 6}), (2, (5,), {"x": 6}), (2, (), {})]


def test_what_is_deprecated_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    @util.deprecated()
    def old(x: int) -> int:
        """Return it."""
        return x

    @util.deprecated("new()")
    def older(x: int) -> int:
        return x

    assert [old(1), old(2), older(3), older(4)] == [1, 2, 3, 4]
    assert capsys.readouterr().out == "old is deprecated\nolder is deprecated, use new() instead\n"
    assert (old.__name__, old.__doc__) == ("old", "Return it.")


def test_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith("VSCODE") or name == "TERM_PROGRAM":
            monkeypatch.delenv(name)
    assert not util.in_vscode()
    monkeypatch.setenv("VSCODE_PID", "1")
    assert util.in_vscode()
    for shell, found in ((None, False), (object(), True)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert util.in_ipython() is found
    monkeypatch.delitem(sys.modules, "IPython")
    assert not util.in_ipython()
    found = [util.is_iterable(x) for x in ([], "a", b"", {}, 3, np.array(3), None)]
    assert found == [True, True, True, True, False, False, False]
    paths = ("/a/b", "/a", "/ab", "/a/../b", "a")
    assert [util.is_under_path(path, "/a") for path in paths] == [True, True, False, False, False]
    assert util.is_under_path("sub/file", tmp_path)
    (tmp_path / "text").write_bytes("hé\r\n".encode())
    assert util.read_utf8_file(tmp_path / "text") == "hé\n"
    assert util.read_binary_file(str(tmp_path / "text")) == "hé\r\n".encode()


def test_unpickling_is_restricted_in_the_block() -> None:
    harmless, foreign = pickle.dumps({"a": np.arange(2), "b": (1.5, {2})}), pickle.dumps(Plain())
    before = pickle.loads, pickle.load
    file = io.BytesIO(pickle.dumps([1]) + pickle.dumps([2]) + foreign)
    with pytest.raises(cl.UnsafeOperationError), util.restricted_unpickling():
        assert pickle.loads(harmless)["b"] == (1.5, {2})
        assert [pickle.load(file), pickle.load(file)] == [[1], [2]]
        pickle.load(file)
    with pytest.raises(cl.UnsafeOperationError), util.restricted_unpickling():
        try:
            pickle.loads(foreign)
        except Exception:
            pass  # It is swallowed here, and comes again at the end.
    with util.restricted_unpickling(), pytest.raises(pickle.UnpicklingError):
        pickle.loads(b"(lp0\nI1")
    assert (pickle.loads, pickle.load) == before
    assert isinstance(pickle.loads(foreign), Plain)


def test_names_that_programs_import_from_modules() -> None:
    from cl.data_stream import DataStream
    from cl.neurons import DataStream as OfNeurons
    from cl.neurons import DetectionResult, Loop, Neurons, Recording, Spike, Stim, StimPlan
    from cl.recording import Recording as OfRecording
    from cl.recording import RecordingView
    from cl.util.plot import Spike as OfPlot
    from cl.util.plot import plot_spike, uV_formatter
    from cl.util.recording_view import DataStreamCollection
    from cl.util.recording_view import RecordingView as OfUtil

    assert DataStream is OfNeurons is cl.DataStream and Recording is OfRecording is cl.Recording
    assert RecordingView is OfUtil is cl.RecordingView and Spike is OfPlot is cl.Spike
    assert (Neurons, Loop, Stim) == (cl.Neurons, cl.Loop, cl.Stim)
    assert (DetectionResult, StimPlan) == (cl.DetectionResult, cl.StimPlan)
    assert plot_spike is util.plot_spike and uV_formatter(20.0, None) == "20.0 µV"
    assert DataStreamCollection is util.DataStreamCollection
    for name in util.__all__:
        assert getattr(util, name) is not None

"""Files made to execute code: neither our view nor PyTables through it does."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables
from store_files import SYSTEM, Filler

from cl import RecordingView
from cl._store.read.info import format_info, info
from cl._store.read.reader import open_replay
from cl._store.read.recover import recover
from cl._store.write.header import RecordingHeader
from cl._store.write.writer import RecordingWriter
from cl.error import UnsafeOperationError

FIRED: list[str] = []


def fire(where: str) -> str:
    FIRED.append(where)
    return where


class Hostile:
    def __reduce__(self) -> Any:
        return fire, ("here",)


@pytest.fixture(autouse=True)
def _nothing_fires(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, fire.__module__, sys.modules[__name__])
    FIRED.clear()
    yield
    assert FIRED == [], "a file has executed code"


def test_the_payload_works() -> None:
    assert pickle.loads(pickle.dumps(Hostile(), 0)) == "here"  # noqa: S301
    assert FIRED == ["here"]
    FIRED.clear()


def write(path: Path) -> None:
    filler = Filler(RecordingWriter(path, RecordingHeader(application={"a": 1}, system=SYSTEM)))
    filler.add_stream("game", {"score": 1})
    filler.add(100, 5, 5, 4)
    filler.writer.finish()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "hostile.h5")
    return tmp_path / "hostile.h5"


def every_position(tmp: Path) -> list[tuple[str, str]]:
    """Return every attribute of a recording, by where it is and its name."""
    file_path = tmp / "positions.h5"
    write(file_path)
    places: list[tuple[str, str]] = []
    with h5py.File(file_path) as file:
        things: list[Any] = [file]
        file.visititems(lambda name, thing: things.append(thing))
        places = [(thing.name, name) for thing in things for name in thing.attrs]
    assert len(places) > 60
    return places


def fixed(pad: int) -> Callable[[bytes], tuple[Any, Any]]:
    """Return how to store bytes as a string of fixed length, filled up in one of HDF5's ways."""

    def make(data: bytes) -> tuple[Any, Any]:
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(len(data) + 3)
        kind.set_strpad(pad)
        return kind, np.frombuffer(data.ljust(len(data) + 3, b"\0"), np.uint8)

    return make


def set_raw(holder: Any, name: str, data: bytes, pad: int = h5py.h5t.STR_NULLTERM) -> None:
    kind, value = fixed(pad)(data)
    if name in holder.attrs:
        del holder.attrs[name]
    space = h5py.h5s.create(h5py.h5s.SCALAR)
    attribute = h5py.h5a.create(holder.id, name.encode(), kind, space)
    attribute.write(value, mtype=kind)


def use_everything(path: Path) -> None:
    """Look at all there is in a recording, and let through only refusals."""

    def attempt(use: Callable[[], Any]) -> None:
        try:
            use()
        except (UnsafeOperationError, ValueError, KeyError):
            pass

    attempt(lambda: open_replay(path).close())
    attempt(lambda: format_info(info(path)))
    attempt(lambda: recover(path))
    try:
        view = RecordingView(path)
    except (UnsafeOperationError, ValueError):
        return
    with view:
        for name in view.attributes:
            attempt(lambda name=name: view.attributes[name])
        repr(view.attributes)
        for part in (view.samples, view.spikes, view.stims):
            if part is not None:
                attempt(lambda part=part: part[:])
        for stream in view.data_streams.values():
            for name in stream.attributes:
                attempt(lambda stream=stream, name=name: stream.attributes[name])
            attempt(lambda stream=stream: list(stream.items()))
        attempt(lambda: repr(view.file))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_every_position(tmp_path: Path, protocol: int) -> None:
    """A hostile pickle in place of each attribute in turn: PyTables is not let near the file."""
    path = tmp_path / "p.h5"
    positions = every_position(tmp_path)
    original = (tmp_path / "positions.h5").read_bytes()
    for where, name in positions[:: 1 if protocol == 0 else 5]:
        path.write_bytes(original)
        with h5py.File(path, "r+") as file:
            set_raw(file[where], name, pickle.dumps(Hostile(), protocol))
        use_everything(path)
        try:
            view = RecordingView(path)
        except UnsafeOperationError:
            continue
        with view, pytest.raises(UnsafeOperationError, match=name):
            view.file  # noqa: B018


def test_a_hostile_attribute_is_told_when_it_is_looked_at(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        set_raw(file, "application", pickle.dumps({"a": Hostile()}, 0))
        set_raw(file["data_stream/game"], "application", pickle.dumps([Hostile()], 0))
    with RecordingView(path) as view:
        assert view.attributes["hostname"] == "bench-1"
        assert len(view.samples) == 100 and view.data_streams.game[0]["n"] == 0
        with pytest.raises(UnsafeOperationError, match=r"'application' of .*hostile\.h5: / is unsafe.*fire"):
            view.attributes["application"]
        with pytest.raises(UnsafeOperationError, match="data_stream/game"):
            view.data_streams.game.attributes["application"]
        assert "is unsafe" in repr(view.attributes)
    assert "is unsafe" in format_info(info(path))


def test_a_file_that_becomes_hostile_while_it_is_open(path: Path, tmp_path: Path) -> None:
    """PyTables reads it as it is when it is asked for, so it is checked as it is then."""
    (tmp_path / "other.h5").write_bytes(path.read_bytes())
    with h5py.File(tmp_path / "other.h5", "r+") as file:
        set_raw(file, "application", pickle.dumps({"a": Hostile()}, 0))
    with RecordingView(path) as view:
        assert dict(view.attributes)["application"] == {"a": 1}
        path.write_bytes((tmp_path / "other.h5").read_bytes())
        with pytest.raises(UnsafeOperationError, match="application"):
            view.file  # noqa: B018


@pytest.mark.parametrize("pad", [h5py.h5t.STR_NULLTERM, h5py.h5t.STR_NULLPAD, h5py.h5t.STR_SPACEPAD])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_strings_that_the_libraries_read_differently(path: Path, pad: int, protocol: int) -> None:
    """PyTables reads a string beyond the zero that ends it for others."""
    with h5py.File(path, "r+") as file:
        set_raw(file["spikes"], "note", b"U\x01\x00" + pickle.dumps(Hostile(), protocol), pad)
    use_everything(path)
    with RecordingView(path) as view, pytest.raises(UnsafeOperationError):
        view.file  # noqa: B018


def test_strings_of_variable_length(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        payload = pickle.dumps(Hostile(), 0)
        file.attrs.create("note", payload, dtype=h5py.string_dtype("ascii"))
    use_everything(path)
    with RecordingView(path) as view:
        with pytest.raises(UnsafeOperationError):
            view.attributes["note"]
        with pytest.raises(UnsafeOperationError):
            view.file  # noqa: B018


def test_what_else_pytables_unpickles(path: Path) -> None:
    with tables.open_file(str(path), "a") as file:
        array = file.create_vlarray("/", "objects", tables.ObjectAtom())
        array.append(Hostile())
    use_everything(path)
    with RecordingView(path) as view, pytest.raises(UnsafeOperationError, match="pickled objects"):
        view.file  # noqa: B018


def test_filters_of_old_files(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        set_raw(file["spikes"], "FILTERS", pickle.dumps({"a": 1}, 0))
    with RecordingView(path) as view, pytest.raises(UnsafeOperationError, match="FILTERS"):
        view.file  # noqa: B018


def test_hidden_places(path: Path) -> None:
    """Named types, links of several names, and groups that a recording does not have."""
    with h5py.File(path, "r+") as file:
        file["kind"] = np.dtype("f8")
        set_raw(file["kind"], "note", pickle.dumps(Hostile(), 0))
    with RecordingView(path) as view, pytest.raises(UnsafeOperationError, match="kind"):
        view.file  # noqa: B018
    with h5py.File(path, "r+") as file:
        del file["kind"].attrs["note"]
        group = file.create_group("far/away")
        set_raw(group, "note", b"(dp0\nVa\np1\nctest\nx\n(tRs.")
        file["soft"] = h5py.SoftLink("/far/away")
    with RecordingView(path) as view, pytest.raises(UnsafeOperationError, match="far/away"):
        view.file  # noqa: B018


def test_links_to_other_files(path: Path, tmp_path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["elsewhere"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
    with RecordingView(path) as view, pytest.raises(UnsafeOperationError, match="another file"):
        view.file  # noqa: B018


def test_texts_that_end_with_a_full_stop_are_harmless(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        set_raw(file, "note", b"Slices lay in cells.")
        file.attrs["more"] = "Written by h5py. It is Unicode."
    with RecordingView(path) as view:
        assert view.attributes["note"] == "Slices lay in cells."
        assert view.attributes["more"] == "Written by h5py. It is Unicode."
        assert view.file.root._v_attrs.note == b"Slices lay in cells."


def test_a_broken_pickle_is_a_text_for_us_and_nothing_for_pytables(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        set_raw(file, "note", b"Measured by Bob.")
    with RecordingView(path) as view:
        assert view.attributes["note"] == "Measured by Bob."
        with pytest.raises(UnsafeOperationError, match="broken pickle"):
            view.file  # noqa: B018


def test_pickled_arrays_in_streams(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    writer = RecordingWriter(path)
    writer.add_stream("s")
    from cl._store.packing import pack

    entry = {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": [1], b"data": pickle.dumps(Hostile())}
    writer.append_stream("s", 1, pack({"deep": [entry]}))
    writer.append_stream("s", 2, pack("fine"))
    writer.finish(10)
    with RecordingView(path) as view:
        with pytest.raises(UnsafeOperationError):
            view.data_streams.s[1]
        assert view.data_streams.s[2] == "fine"


def test_environment_is_untouched(path: Path) -> None:
    """The instruction everybody tries first."""
    target = path.parent / "executed"
    with h5py.File(path, "r+") as file:
        set_raw(file, "application", f"cos\nsystem\n(S'touch {target}'\ntR.".encode())
    use_everything(path)
    assert not target.exists()
    assert os.path.exists(path)

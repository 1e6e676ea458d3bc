"""The file format: whatever is written is read by both HDF5 libraries, h5py's and PyTables'."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import tables
from hypothesis import given, settings
from hypothesis import strategies as st

from cl._store.write import hdf5, layout
from cl._store.write.group import Group
from cl._store.write.growing_dataset import GrowingDataset
from cl._store.write.ordered_file import OrderedFile


def new_file(path: Path) -> tuple[OrderedFile, Group]:
    path.unlink(missing_ok=True)
    file = OrderedFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    root = Group(file)
    root.set_attributes(layout.group_attributes(is_root=True))
    return file, root


def commit(file: OrderedFile, root: Group) -> None:
    root.publish()
    if not file._committed_end:
        file.write(0, hdf5.superblock(file.end, root.header_address))
    file.commit()


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, 4095, 4096, 4097, 64**3 + 65])
def test_indexes_of_every_depth(tmp_path: Path, rows: int) -> None:
    """One chunk a row: 64 chunks in a node, 4096 below two levels, 262 144 below three."""
    file, root = new_file(tmp_path / "deep.h5")
    data = GrowingDataset(file, np.dtype("<u4"), (), 1, layout.array_attributes())
    root.add("data", data.header_address)
    for start in range(0, rows, 50_000):
        data.append(np.arange(start, min(rows, start + 50_000), dtype="<u4"))
        data.publish()
        commit(file, root)
    commit(file, root)
    file.close()
    with h5py.File(tmp_path / "deep.h5") as read:
        assert read["data"].shape == (rows,)
        for start in {0, rows // 2, 64**2 - 50, 64**3 - 50, max(0, rows - 200)}:
            stop = min(rows, start + 200)
            np.testing.assert_array_equal(read["data"][start:stop], np.arange(start, max(start, stop)))
    if rows < 10_000:
        with tables.open_file(str(tmp_path / "deep.h5")) as other:
            np.testing.assert_array_equal(other.root.data[:], np.arange(rows))


def test_an_index_that_grows_a_row_at_a_time(tmp_path: Path) -> None:
    file, root = new_file(tmp_path / "slow.h5")
    data = GrowingDataset(file, np.dtype("<i2"), (3,), 2, layout.array_attributes())
    root.add("data", data.header_address)
    commit(file, root)
    for row in range(300):
        data.append(np.full((1, 3), row, "<i2"))
        data.publish()
        file.commit()
        if row % 37 == 0 or row in (127, 128, 129):
            with h5py.File(tmp_path / "slow.h5", "r") as read:
                assert read["data"][:, 1].tolist() == list(range(row + 1))
    file.close()


def test_other_programs_can_go_on_writing(tmp_path: Path) -> None:
    """What we write is ordinary HDF5: h5py and PyTables can add rows, attributes and groups."""
    path = tmp_path / "on.h5"
    file, root = new_file(path)
    data = GrowingDataset(file, np.dtype("<i4"), (), 4, layout.array_attributes())
    table = GrowingDataset(file, layout.STIM, (), 4, layout.table_attributes(layout.STIM))
    root.add("data", data.header_address)
    root.add("stims", table.header_address)
    data.append(np.arange(70, dtype="<i4"))
    table.append(np.zeros(9, layout.STIM))
    data.publish()
    table.publish()
    commit(file, root)
    file.close()
    with h5py.File(path, "r+") as other:
        other["data"].resize((300,))
        other["data"][70:] = np.arange(70, 300)
        other.attrs["note"] = "added"
        other.create_group("more/groups")
    with tables.open_file(str(path), "a") as other:
        other.root.data.append(np.arange(300, 310, dtype="<i4"))
        row = other.root.stims.row
        for i in range(100):
            row["timestamp"] = i
            row.append()
        other.root.stims.flush()
        other.root._v_attrs.extra = {"a": 1}
        other.remove_node("/more", recursive=True)
    with h5py.File(path) as other:
        np.testing.assert_array_equal(other["data"][:], np.arange(310))
        assert other["stims"].shape == (109,)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 256, 257, 700])
def test_groups_of_every_size(tmp_path: Path, count: int) -> None:
    """Eight names in a symbol node, 256 below one node of the tree."""
    file, root = new_file(tmp_path / "groups.h5")
    streams = Group(file, root, "many")
    streams.set_attributes(layout.group_attributes())
    names = [f"{i * 7919 % 1000}-é{i}" for i in range(count)]
    for start in range(0, count, 100):
        for name in names[start : start + 100]:
            member = Group(file, streams, name)
            member.set_attributes([*layout.group_attributes(), hdf5.text("name", name)])
            member.publish()
        streams.publish()
        commit(file, root)
    streams.publish()
    commit(file, root)
    file.close()
    with h5py.File(tmp_path / "groups.h5") as read:
        assert set(read["many"]) == set(names)
        assert all(read["many"][name].attrs["name"].decode() == name for name in names)
        assert "not there" not in read["many"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        with tables.open_file(str(tmp_path / "groups.h5")) as other:
            assert set(other.root.many._v_children) == set(names)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([0, 1, 7, 500, 4000, 60_000, 65_000, 65_600, 200_000]), max_size=6))
def test_attributes_of_every_size(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    """Larger ones than a header takes lie in the global heap; sizes change with every commit."""
    path = tmp_path_factory.mktemp("sizes") / "a.h5"
    file, root = new_file(path)
    commit(file, root)
    values: dict[str, bytes] = {}
    for i, size in enumerate(sizes):
        name = f"a{i % 3}"
        values[name] = bytes([97 + i]) * size
        root.set_attributes([hdf5.raw(name, values[name]), hdf5.number("last", i)])
        commit(file, root)
        with h5py.File(path, "r") as read:
            assert read.attrs["last"] == i
            for name, value in values.items():
                found = read.attrs[name]
                text = found.encode() if isinstance(found, str) else b"" if not value else bytes(found)
                assert text == value
        with tables.open_file(str(path)) as other:
            assert all(other.root._v_attrs[name] == value for name, value in values.items())
    file.close()


def test_numbers_change_in_place(tmp_path: Path) -> None:
    file, root = new_file(tmp_path / "n.h5")
    root.set_attributes([hdf5.text("t", "x"), hdf5.number("n", 1), hdf5.number("f", 0.5, "<f8")])
    commit(file, root)
    size = file.end
    for i in range(5):
        root.update_numbers([hdf5.number("n", i), hdf5.number("f", i / 4, "<f8")])
        commit(file, root)
        with h5py.File(tmp_path / "n.h5", "r") as read:
            assert (read.attrs["n"], read.attrs["f"], read.attrs["t"]) == (i, i / 4, b"x")
    assert file.end == size
    file.close()


def test_space_is_used_again(tmp_path: Path) -> None:
    """A thousand changes of attributes, with one commit each, need the space of a few."""
    file, root = new_file(tmp_path / "again.h5")
    stream = Group(file, root, "s")
    for i in range(1000):
        stream.set_attributes([hdf5.raw("application", b"x" * (i % 500))])
        root.set_attributes([hdf5.raw("application", b"y" * (i % 700))])
        stream.publish()
        commit(file, root)
    assert file.end < 40_000
    file.close()

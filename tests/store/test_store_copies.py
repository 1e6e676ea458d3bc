"""What `docs/recordings.md` says of attributes, and of tables."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy
import pytest
from store_files import write_recording

from cl import RecordingView

DOCS = Path(__file__).resolve().parents[2] / "docs" / "recordings.md"


def test_attributes_that_are_copied_as_the_docs_say(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "r.h5")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL) if "h5a" in c]
    with h5py.File(path) as source, h5py.File(tmp_path / "copy.h5", "w") as target:
        exec(code, {"source": source, "target": target, "h5py": h5py, "numpy": numpy})  # noqa: S102
    with RecordingView(path) as one, RecordingView(tmp_path / "copy.h5") as other:
        assert dict(one.attributes).keys() == dict(other.attributes).keys()
        assert repr(dict(one.attributes)) == repr(dict(other.attributes))


def test_the_methods_that_the_docs_name(tmp_path: Path) -> None:
    listed = re.search(r"masks, `([a-z_ ]+)`", DOCS.read_text())
    assert listed is not None
    with RecordingView(write_recording(tmp_path / "r.h5")) as view:
        for name in listed[1].split():
            assert hasattr(view.spikes, name), name
        with pytest.raises(AttributeError, match=r"no 'read_sorted'.*view\.file\.root"):
            view.spikes.read_sorted  # noqa: B018
        assert hasattr(view.file.root.spikes, "read_sorted")
        with pytest.raises(KeyError, match=r"no data stream 'event', there are \['empty', 'game'\]"):
            view.data_streams["event"]

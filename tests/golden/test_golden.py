"""The golden values: what the package gave when they were stored, it gives for good.

Frames, spikes, stims, waveforms, recordings and the order of service are the same, bit for bit, on every
event loop and every Python. The values are in the JSON files beside this module, one for each source; no test
writes them (`write_golden.py` does, by hand). Their digests cover data only: of recordings the datasets that
`golden_notes` names and no attributes, and nothing that comes from the host's clock.

Most of it is made of whole numbers. Tables of the random source and of the culture come from logarithms and
exponentials in double precision before they are rounded, and the scripted source's noise comes from numpy's
normal distribution: a mathematical library that rounds otherwise, or a numpy with another generator, could
give other values for these three. None is known that does.
"""

from __future__ import annotations

import re
from pathlib import Path

import golden_async
import golden_files
import golden_sync
import pytest
from golden_sources import SOURCES, Source

SHARED = ("reference",)
"""Sources that play the data beside the checkout."""
KINDS = ("order of service", "frames", "spikes", "stims", "waveforms", "recording")
"""What each program has to have values of."""


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> Source:
    """Return every source, one after the other."""
    if request.param in SHARED:
        request.getfixturevalue("shared_data")
    return SOURCES[request.param]


@pytest.mark.anyio
async def test_the_asynchronous_program_gives_what_it_gave(source: Source, tmp_path: Path) -> None:
    notes = await golden_async.run(source, tmp_path)
    golden_files.check(source.values, "async", notes.values())


def test_the_synchronous_program_gives_what_it_gave(source: Source, tmp_path: Path) -> None:
    notes = golden_sync.run(source, tmp_path)
    golden_files.check(source.values, "sync", notes.values())


def test_there_are_values_of_everything() -> None:
    stored = golden_files.stored()
    assert stored.keys() == {source.values for source in SOURCES.values()}
    for values in stored.values():
        assert tuple(values) == golden_files.PROGRAMS
        for parts in values.values():
            for kind in KINDS:
                assert any(part.startswith(kind) for part in parts), kind
            for part in parts.values():
                assert re.fullmatch("[0-9a-f]{64}", part["sha256"])
                assert part.get("count", 1) > 0
            assert len(parts["order of service"]["first"]) == 40


def test_a_difference_is_told_by_its_part() -> None:
    for values in golden_files.stored().values():
        for parts in values.values():
            assert golden_files.differences(parts, parts) == []
            assert len(golden_files.differences(parts, {})) == len(parts)
            assert len(golden_files.differences({}, parts)) == len(parts)
            for part in parts:
                changed = {**parts, part: {**parts[part], "sha256": "0" * 64}}
                (difference,) = golden_files.differences(parts, changed)
                assert difference.startswith(f"{part}: ")


def test_a_run_of_which_nothing_is_stored_fails() -> None:
    with pytest.raises(AssertionError, match="nothing is stored"):
        golden_files.check("random", "no such program", {"frames": {"count": 1, "sha256": "0" * 64}})
    with pytest.raises(AssertionError, match="nothing is stored"):
        golden_files.check("no such source", "sync", {})

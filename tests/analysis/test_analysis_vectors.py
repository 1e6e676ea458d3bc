"""The numbers of the reference: 110 calls on eleven recordings."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.analysis_files import FOLDER, VECTORS, needs_vectors, read_vectors, write_recording
from extras import need_extra

need_extra("analysis", "pydantic", "scipy", "networkx")

from cl import RecordingView  # noqa: E402

FOUND = read_vectors() if VECTORS.is_file() else {"vectors": [], "recordings": {}}
SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the paths of the vectors' recordings by name."""
    folder = tmp_path_factory.mktemp("vectors")
    found = {
        name: write_recording(
            folder / f"{name}.h5",
            given["duration_frames"],
            given["spikes"],
            given.get("stims") or (),
            ground_samples=given.get("ground_samples"),
        )
        for name, given in FOUND["recordings"].items()
    }
    return {**found, "$reference": FOLDER / "reference_recording.h5"}


def plain(value: Any) -> Any:
    """Return a result's value as the vectors have it: lists, numbers, texts as keys."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {
            ",".join(map(str, key)) if isinstance(key, tuple) else str(key): plain(item)
            for key, item in value.items()
        }
    if hasattr(value, "start_frame"):
        return [value.start_frame, value.end_frame]
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if isinstance(value, (list, tuple)) or hasattr(value, "is_bursting"):
        return [plain(item) for item in value]
    return value


def largest(value: Any) -> float:
    """Return the largest magnitude of a finite number in it."""
    if isinstance(value, dict):
        return max(map(largest, value.values()), default=0.0)
    if isinstance(value, list):
        return max(map(largest, value), default=0.0)
    if isinstance(value, (int, float)) and np.isfinite(value):
        return abs(value)
    return 0.0


def check(found: Any, expected: Any, relative: float, absolute: float, where: str) -> None:
    """Assert that a plain value is what is expected."""
    if isinstance(expected, dict) and "$at_least" in expected:
        assert found >= expected["$at_least"] - 1e-9, where
    elif isinstance(expected, dict):
        assert isinstance(found, dict), where
        for key, item in expected.items():
            check(found[key], item, relative, absolute, f"{where}.{key}")
        assert where.endswith("metadata") or found.keys() == expected.keys(), where
    elif isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected), where
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            check(a, b, relative, absolute, f"{where}[{i}]")
    elif isinstance(expected, str):
        assert str(found) == str(SPECIAL.get(expected, expected)), where
    elif isinstance(expected, int) and isinstance(found, int):
        assert found == expected, where
    else:
        assert abs(found - expected) <= relative * abs(expected) + absolute, (where, found, expected)


def check_partition(result: Any, expected: Any) -> None:
    """Assert that communities are those expected, in any order; None: any, which have the modularity told."""
    import networkx

    if expected is not None:
        groups: dict[int, set[int]] = {}
        for channel, community in result.graph_partition.items():
            groups.setdefault(community, set()).add(channel)
        assert {frozenset(group) for group in groups.values()} == {frozenset(group) for group in expected}
    if result.graph_partition:
        communities: dict[int, set[int]] = {}
        for channel, community in result.graph_partition.items():
            communities.setdefault(community, set()).add(channel)
        graph = networkx.from_numpy_array(result.adjacency_matrix)
        modularity = networkx.community.modularity(graph, communities.values())
        assert result.modularity_index == pytest.approx(modularity, rel=1e-9)


def run(view: RecordingView, vector: dict[str, Any]) -> None:
    """Make the call of a vector and check what comes of it."""
    kwargs = {
        key: SPECIAL.get(value, value) if isinstance(value, str) else value
        for key, value in vector["kwargs"].items()
    }
    view.analysis_timestamp_limit(*(vector.get("limit") or ()))
    method = getattr(view, vector["method"])
    if "raises" in vector:
        arguments = kwargs.pop("range", ())
        with pytest.raises((ValueError, TypeError)) as raised:
            method(*arguments, **kwargs)
        assert raised.type.__name__ in vector["raises"]
        return
    result = method(**kwargs)
    for name, expected in vector["result"].items():
        found = plain(getattr(result, name))
        if isinstance(expected, dict) and "$communities" in expected:
            check_partition(result, expected["$communities"])
            continue
        relative = vector.get("tolerance", {}).get(name, 1e-9)
        check(found, expected, relative, 1e-10 * largest(expected) + 1e-12, name)


@needs_vectors
@pytest.mark.parametrize("vector", FOUND["vectors"], ids=lambda vector: vector["id"])
def test_the_reference_has_these_numbers(vector: dict[str, Any], recordings: dict[str, Path]) -> None:
    with RecordingView(recordings[vector["recording"]]) as view:
        run(view, vector)


@needs_vectors
def test_the_order_of_calls_changes_nothing(recordings: dict[str, Path]) -> None:
    quick = [v for v in FOUND["vectors"] if v["method"] != "analyse_criticality"]
    random.Random(3).shuffle(quick)
    with ExitStack() as opened:
        views = {name: opened.enter_context(RecordingView(path)) for name, path in recordings.items()}
        for vector in quick:
            run(views[vector["recording"]], vector)

"""Results: files, equality, and what makes them pydantic models of a user's own."""

from __future__ import annotations

import copy
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis.analysis_samples import CALLS, results_of, write_sample
from extras import need_extra

need_extra("analysis", "pydantic", "scipy", "networkx")

from pydantic import BaseModel, PositiveInt, ValidationError  # noqa: E402

from cl import RecordingView, analysis  # noqa: E402
from cl.analysis import (  # noqa: E402
    AnalysisMetadata,
    AnalysisResult,
    AnalysisResultCriticality,
    AnalysisResultInformationEntropy,
    Array1DFloat,
    Array1DInt,
    Array2DInt,
    Burst,
    Bursts,
    BurstsType,
    SpecialFloat,
)

METADATA = AnalysisMetadata(
    file_path="a.h5", channel_count=64, sampling_frequency=25_000, duration_frames=50, duration_seconds=0.002
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return results_of(write_sample(tmp_path_factory.mktemp("sample") / "sample.h5"))


@pytest.mark.parametrize("name", CALLS)
def test_a_saved_result_is_the_same_when_it_is_read(
    name: str, results: dict[str, Any], tmp_path: Path
) -> None:
    result = results[name]
    result.save(str(tmp_path / "a.json"))
    result.save(tmp_path / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    text = (tmp_path / "a.json").read_text()
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    for reader in (type(result), AnalysisResult):
        read = reader.from_file(tmp_path / "a.json")
        assert type(read) is type(result)
        assert read == result
    assert type(result).model_validate_json(result.model_dump_json()) == result
    for other in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), result.model_copy()):  # noqa: S301
        assert other == result
    assert type(result).model_json_schema()["properties"].keys() == type(result).model_fields.keys()


@pytest.mark.parametrize("name", CALLS)
def test_results_have_the_types_of_their_fields(name: str, results: dict[str, Any]) -> None:
    result = results[name]
    again = type(result).model_validate(dict(result))
    for field in type(result).model_fields:
        mine, validated = getattr(result, field), getattr(again, field)
        assert type(mine) is type(validated), field
        if isinstance(mine, np.ndarray):
            assert mine.dtype == validated.dtype, field


def test_results_are_equal_by_value(results: dict[str, Any], tmp_path: Path) -> None:
    first = results["information_entropy"]
    assert first == first.model_copy() and first != results["firing_stats"] and first != 3
    values = np.array([np.nan, 1.0])
    a, b, c = (
        AnalysisResultInformationEntropy(
            metadata=METADATA, bin_size_sec=1, information_entropy_per_time_bin=found
        )
        for found in (values, values, values[:1])
    )
    assert a == b and a != c
    b.information_entropy_per_time_bin = np.array([np.nan, 2.0])
    assert a != b
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)
    with pytest.raises(ValueError, match="no field"):
        a.surprise = 1


class Odd(AnalysisResult):
    """A result of a user's own."""

    count: PositiveInt
    table: Array2DInt
    values: Array1DFloat
    odd: SpecialFloat
    by_channel: dict[int, float]
    bursts: BurstsType


def odd(**changed: Any) -> Odd:
    given = {
        "metadata": METADATA,
        "count": 3,
        "table": [[1.7, 2], [3, 4]],
        "values": ["nan", 1, -math.inf],
        "odd": -math.inf,
        "by_channel": {5: math.inf, 6: math.nan},
        "bursts": Bursts([Burst(1, 2)]),
    }
    return Odd(**{**given, **changed})


def test_results_of_a_users_own_are_saved_too(tmp_path: Path) -> None:
    result = odd()
    assert result.table.tolist() == [[1, 2], [3, 4]] and result.table.dtype == np.int64
    result.save(tmp_path / "odd.json")
    saved = json.loads((tmp_path / "odd.json").read_text())
    assert (saved["values"], saved["odd"]) == (["nan", 1.0, "-inf"], "-inf")
    assert saved["by_channel"] == {"5": "inf", "6": "nan"}
    assert Odd.from_file(tmp_path / "odd.json") == result == AnalysisResult.from_file(tmp_path / "odd.json")
    assert result.model_dump()["odd"] == "-inf"
    bare = json.dumps(result.model_dump()).replace('"-inf"', "-Infinity")
    (tmp_path / "bare.json").write_text(bare)
    assert Odd.from_file(tmp_path / "bare.json") == result


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"table": [1, 2]},
        {"table": [["a", "b"]]},
        {"table": np.array([[np.nan]])},
        {"table": None},
        {"values": [[1.0]]},
        {"odd": "infinite"},
        {"odd": "1"},
        {"bursts": 3},
        {"bursts": [{"start_frame": 1}]},
        {"bursts": [{"start_frame": 1, "end_frame": "x"}]},
    ],
)
def test_what_is_no_value_of_a_field_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        odd(**wrong)


def test_an_array_of_a_result_is_its_own() -> None:
    values = np.arange(3.0)
    result = odd(values=values)
    values[0] = 9
    assert result.values[0] == 0


def test_files_that_are_no_result_say_so(tmp_path: Path, results: dict[str, Any]) -> None:
    path = tmp_path / "a.json"
    results["dct_features"].save(path)
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({**saved, "more": 1}))
    with pytest.raises(ValidationError, match="more"):
        type(results["dct_features"]).from_file(path)
    with pytest.raises(ValueError, match="no result that is known"):
        AnalysisResult.from_file(path)
    del saved["k"]
    path.write_text(json.dumps(saved))
    with pytest.raises(ValidationError, match="k"):
        type(results["dct_features"]).from_file(path)
    path.write_text("[1]")
    with pytest.raises(ValueError):
        AnalysisResult.from_file(path)
    with pytest.raises(ValidationError):
        AnalysisResultCriticality.from_file(path)
    with pytest.raises(FileNotFoundError):
        AnalysisResult.from_file(tmp_path / "none.json")


def test_a_save_that_fails_leaves_the_file_that_was_there(
    tmp_path: Path, results: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    results["dct_features"].save(path)
    before = path.read_text()

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="full"):
        results["firing_stats"].save(path)
    assert path.read_text() == before and len(list(tmp_path.iterdir())) == 1


def test_bursts_open_and_close() -> None:
    bursts = Bursts()
    for frame, is_bursting in ((0, False), (3, True), (4, True), (9, False), (10, False), (12, True)):
        bursts.step(frame, is_bursting)
    assert bursts.is_bursting
    bursts.finalise(20)
    bursts.finalise(30)
    assert not bursts.is_bursting and bursts == Bursts([Burst(3, 9), Burst(12, 20)])
    assert len(bursts) == 2 and list(bursts) == [bursts[0], bursts[1]]
    assert bursts[1].get_duration(4) == 2.0


def test_the_aliases_of_criticality(results: dict[str, Any]) -> None:
    found = results["criticality"]
    assert found.avalanche_sizes is found.avalanche_spike_counts
    assert found.avalanche_shapes is found.avalanche_spike_counts_per_bin
    assert found.average_profiles is found.mean_spike_counts_per_bin_by_duration
    assert found.ks_statistic_size == found.ks_statistic_spike_counts


def test_results_outlive_their_view_which_is_of_no_use_then(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "a.h5")
    with RecordingView(path) as view:
        result = view.analyse_firing_stats()
        assert result.metadata.file_path == str(path)
    assert result.firing_counts.sum() > 0
    with pytest.raises(ValueError, match="closed"):
        view.analyse_firing_stats()


def test_the_models_are_pydantic_and_the_names_are_there() -> None:
    assert issubclass(AnalysisResult, BaseModel)
    assert {"Array1DInt", "BurstsType", "AnalysisResultsFunctionalConnectivity"} <= set(dir(analysis))
    assert all(hasattr(analysis, name) for name in analysis.__all__)
    assert Array1DInt is not None


def test_editors_are_told_what_the_metrics_take_and_return(results: dict[str, Any]) -> None:
    import ast

    from cl._store.read import metrics

    def methods(path: Path) -> dict[str, ast.FunctionDef]:
        found = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        return {node.name: node for node in found if isinstance(node, ast.FunctionDef)}

    code = Path(metrics.__file__)
    real, told = methods(code), methods(code.with_suffix(".pyi"))
    assert list(real) == list(told) and set(told) == {f"analyse_{name}" for name in results}
    for name, method in told.items():
        assert ast.dump(method.args) == ast.dump(real[name].args), name
        assert ast.unparse(method.returns) == type(results[name.removeprefix("analyse_")]).__name__

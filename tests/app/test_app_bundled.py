"""What all bundled applications have in common."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from extras import need_extra

need_extra("app", "pydantic")

from cl.app import pack  # noqa: E402
from cl.app.loading import application_of, import_source  # noqa: E402
from cl.app.targets import bundled, described  # noqa: E402

NAMES = ["baseline", "dose_response", "pong"]


def test_they_are_listed() -> None:
    assert list(bundled()) == NAMES
    assert all(text.endswith(".") for text in described().values())


@pytest.mark.parametrize("name", NAMES)
def test_raw_samples_are_off_unless_asked_for(name: str) -> None:
    project = bundled()[name]
    config_class = application_of(import_source(project, f"test_{name}")).config_class()
    field = config_class.model_fields["record_raw_samples"]
    assert field.annotation is bool and field.default is False
    versions = {json.loads(path.read_text())["config_version"] for path in project.configurations()}
    assert versions == {json.loads(project.info.read_text())["config_version"]}


@pytest.mark.parametrize("name", NAMES)
def test_they_are_whole_and_can_be_packed(name: str, tmp_path: Path, capsys: Any) -> None:
    project = bundled()[name]
    assert len(project.configurations()) >= 3
    copied = shutil.copytree(project.folder, tmp_path / name)
    assert pack.main([str(copied)]) == 0, capsys.readouterr().err
    assert (tmp_path / f"{name}.zip").is_file()

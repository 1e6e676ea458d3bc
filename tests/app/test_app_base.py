"""The base classes, summaries and migrations."""

from __future__ import annotations

import json
from typing import Any

import pytest
from app_tools import run_python
from extras import need_extra

need_extra("app", "pydantic")

from pydantic import ValidationError  # noqa: E402

from cl.app import BaseApplication, BaseApplicationConfig, OutputType, RunSummary, util  # noqa: E402


@pytest.mark.parametrize("name", ["a", "a b", "é-_1", "a\tb", "日本 2", "a" * 250])
def test_names_of_words_are_taken(name: str) -> None:
    made = BaseApplicationConfig(name=name)
    assert (made.name, made.timeout_s, made.config_version) == (name, 43_200, 0)
    assert made.estimate_duration_s() is None


@pytest.mark.parametrize("name", ["", "a  b", " a", "a ", "a\n", "a/b", "<b>", "a" * 251])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        BaseApplicationConfig(name=name)


def test_configurations_are_closed_and_frozen() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        BaseApplicationConfig.model_validate({"name": "a", "more": 1})
    made = BaseApplicationConfig(name="a")
    with pytest.raises(ValidationError, match="frozen"):
        made.name = "b"
    with pytest.raises(ValidationError):
        BaseApplicationConfig(name="a", timeout_s=-1)


class _Whole(BaseApplication):  # type: ignore[type-arg]  # it works without the subscript as well
    def run(self, config: Any, output_directory: str) -> None:
        return None

    @staticmethod
    def config_class() -> type[BaseApplicationConfig]:
        return BaseApplicationConfig


def test_both_methods_are_required() -> None:
    assert _Whole().migrate_config({"name": "a"}) is None
    half: Any = type("Half", (BaseApplication,), {"run": _Whole.run})
    with pytest.raises(TypeError, match="config_class"):
        half()


def test_a_summary_is_a_mapping_that_checks_nothing() -> None:
    summary = RunSummary(OutputType.MARKDOWN, content="x", more=1)
    assert (summary.type, summary["type"], summary["content"]) == (OutputType.MARKDOWN, "markdown", "x")
    assert not isinstance(summary, dict)
    assert json.loads(json.dumps(dict(summary))) == {"type": "markdown", "content": "x", "more": 1}
    assert RunSummary("own", data=1).type == "own"  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        RunSummary()  # type: ignore[call-arg]


def test_migrations_apply_in_order_to_a_copy() -> None:
    told = []

    def to(version: int) -> Any:
        return lambda config: (told.append((version, config["config_version"])), config["at"].append(version))

    old = {"config_version": 1, "at": [1]}
    new = util.run_migrations(old, {4: to(4), 1: to(1), 3: to(3)})
    assert new == {"config_version": 4, "at": [1, 3, 4]}
    assert told == [(3, 1), (4, 3)]
    assert old == {"config_version": 1, "at": [1]}
    assert util.run_migrations(new, {4: to(4)}) is None
    assert util.run_migrations({}, {1: lambda config: None}) == {"config_version": 1}


def test_a_biphasic_pulse_becomes_a_design() -> None:
    section = {"current_ua": 1.5, "phase_width_us": 160, "rest": 1}
    util.migrate_biphasic_to_stim_design(section)
    phases = [(-1.5, 160), (1.5, 160)]
    components = [{"pulse_width_us": width, "signed_amplitude_ua": current} for current, width in phases]
    assert section == {"rest": 1, "stim_design": {"components": components}}
    util.StimDesignModel.model_validate(section["stim_design"])


def test_nothing_changes_where_a_key_is_missing() -> None:
    section: dict[str, Any] = {"current_ua": 1}
    with pytest.raises(KeyError, match="phase_width_us"):
        util.migrate_biphasic_to_stim_design(section)
    assert section == {"current_ua": 1}


def test_the_commands_modules_have_no_effect_and_nothing_is_loaded_early() -> None:
    code = (
        "import cl, sys; cl.app; assert 'pydantic' not in sys.modules; "
        "import cl.app.init, cl.app.run, cl.app.pack; from cl.app import *; "
        "print(sorted(n for n in dir() if n[0] != '_'), cl.app.model.FrozenBaseModel.__name__)"
    )
    done = run_python("-c", code)
    names = "['BaseApplication', 'BaseApplicationConfig', 'OutputType', 'RunSummary', 'cl', 'sys']"
    assert (done.stdout, done.stderr) == (f"{names} FrozenBaseModel\n", "")


def test_without_pydantic_the_extra_is_named() -> None:
    done = run_python("-c", "import sys; sys.modules['pydantic'] = None; from cl.app import BaseApplication")
    assert "cl-aio[app]" in done.stderr.splitlines()[-1]

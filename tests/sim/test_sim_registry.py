"""Which source the simulator takes, and what its factory is given."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sim_factories import Told, raises, refuses

import cl
from cl._core.settings import Settings
from cl.sim import (
    DataSourceError,
    LiveDataSink,
    LiveSimulatorDataSource,
    SimulatorDataSource,
    SimulatorDataSourceMetadata,
    clear_simulator_data_source,
    set_simulator_data_source,
)
from cl.sim.user.detecting import DetectingSource
from cl.sim.user.live_source import LiveSource
from cl.sim.user.pull import PullSource
from cl.sim.user.registry import Registry, configured_source, registry


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "is_open", lambda: False)
    yield
    registry.current = None


def made(settings: Settings | None = None) -> Any:
    """Return the user's source behind the adapter."""
    adapter = configured_source(settings or Settings())
    assert adapter is not None
    return adapter._source


def test_nothing_is_set() -> None:
    assert configured_source(Settings()) is None
    clear_simulator_data_source()
    assert configured_source(Settings()) is None


def test_set_and_clear() -> None:
    set_simulator_data_source(Told)
    first, second = made(), made()
    assert isinstance(first, Told)
    assert first is not second
    clear_simulator_data_source()
    assert configured_source(Settings()) is None


def test_the_environment_and_what_was_set() -> None:
    settings = Settings(data_source="sim_factories:Told", data_source_config={"a": 1})
    assert made(settings).config == 1
    set_simulator_data_source("sim_factories:Holder.create", {"a": [2]})
    assert made(settings).config == [2]


class Keyworded(Told):
    def __init__(self, *, a: Any) -> None:
        super().__init__(a)


class Required(Told):
    def __init__(self, size: int, rate: int = 5) -> None:
        super().__init__((size, rate))


def several(a: int = 1, b: int = 2, c: int | None = None) -> SimulatorDataSource:
    return Told((a, b, c))


def named_only(*, size: int, rate: int = 5) -> SimulatorDataSource:
    return Told((size, rate))


@pytest.mark.parametrize(
    ("factory", "config", "wanted"),
    [
        (Told, None, "nothing"),
        (Told, {}, "nothing"),
        (Told, {"a": {"size": 3}}, {"size": 3}),
        (lambda: Told(), None, "nothing"),
        (lambda scale=50.0: Told(scale), {"scale": 2}, 2),
        (lambda config: Told(config), {"config": [1, (2, 3)]}, [1, [2, 3]]),
        (lambda **config: Told(config), {"x": 1, "metadata": 2}, {"x": 1, "metadata": 2}),
        (lambda **config: Told(config), None, {}),
        (several, {"b": 5}, (1, 5, None)),
        (named_only, {"size": 4}, (4, 5)),
        (Keyworded, {"a": 4}, 4),
        (Required, {"size": 4}, (4, 5)),
        (functools.partial(Required, rate=6), {"size": 4}, (4, 6)),
    ],
)
def test_what_a_factory_gets(
    factory: Callable[..., SimulatorDataSource], config: dict[str, Any] | None, wanted: Any
) -> None:
    set_simulator_data_source(factory, config)
    assert made().config == wanted


@pytest.mark.parametrize(
    ("factory", "config", "message"),
    [
        (Required, None, r"'Required' does not take config=None: missing a required argument: 'size'"),
        (
            several,
            {"d": 5},
            r"'several' does not take config=\{'d': 5\}: got an unexpected keyword argument 'd'",
        ),
        (several, {"d": 5}, r"its signature is \(a: 'int' = 1, b: 'int' = 2, c: 'int \| None' = None\)"),
        (lambda: Told(), {"size": 3}, r"does not take config=\{'size': 3\}"),
        (
            lambda config: Told(config),
            {"size": 3},
            r"called as factory\(\*\*config\), its signature is \(config\)",
        ),
    ],
)
def test_a_factory_that_does_not_take_its_config(
    factory: Callable[..., SimulatorDataSource], config: dict[str, Any] | None, message: str
) -> None:
    set_simulator_data_source(factory, config)
    with pytest.raises(TypeError, match=message):
        made()
    settings = Settings(data_source="sim_factories:Told", data_source_config={"d": 5})
    clear_simulator_data_source()
    with pytest.raises(ValueError, match=r"does not take CL_SDK_DATA_SOURCE_CONFIG=\{'d': 5\}"):
        made(settings)


@pytest.mark.parametrize("path", ["sim_factories:Holder.create", "sim_factories.Holder.create"])
def test_a_path_with_a_colon_or_a_dot(path: str) -> None:
    set_simulator_data_source(path, {"a": 2})
    assert made().config == 2
    assert registry.current is not None
    assert registry.current.path == "sim_factories:Holder.create"
    settings = Settings(data_source=path.replace("Holder.create", "Told"))
    clear_simulator_data_source()
    assert isinstance(made(settings), Told)


def test_a_module_that_cannot_import_another_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_factories.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    set_simulator_data_source("broken_factories.create")
    with pytest.raises(ValueError, match="cannot be imported: No module named 'nowhere_to_be_found'"):
        made()


def test_the_config_is_a_copy() -> None:
    config = {"a": [1]}
    set_simulator_data_source(Told, config)
    config["a"].append(2)
    made().config.append(3)
    assert made().config == [1]


def test_metadata_go_to_a_factory_that_takes_them() -> None:
    set_simulator_data_source(Told, metadata={"start_timestamp": 100})
    assert made().given == {"start_timestamp": 100}
    adapter = configured_source(Settings())
    assert adapter is not None
    assert adapter.start_timestamp == 7  # The source's own are the last word: it was told.


def test_metadata_replace_those_of_others() -> None:
    set_simulator_data_source(lambda: Told(), metadata={"start_timestamp": 100, "duration_frames": 50})
    adapter = configured_source(Settings())
    assert adapter is not None
    assert (adapter.start_timestamp, adapter.end_timestamp) == (100, 150)
    set_simulator_data_source(lambda: Told(), metadata=SimulatorDataSourceMetadata(duration_frames=50))
    adapter = configured_source(Settings())
    assert adapter is not None
    assert (adapter.start_timestamp, adapter.end_timestamp) == (0, None)


class Live(LiveSimulatorDataSource):
    def start(self, sink: LiveDataSink) -> None: ...


def test_each_kind_has_its_adapter() -> None:
    set_simulator_data_source(Told)
    assert isinstance(configured_source(Settings()), PullSource)
    assert isinstance(configured_source(Settings(detect_spikes=True)), DetectingSource)
    set_simulator_data_source(lambda: Told(), metadata={"detect_spikes": True})
    assert isinstance(configured_source(Settings()), DetectingSource)
    set_simulator_data_source(Live)
    assert isinstance(configured_source(Settings()), LiveSource)


def test_accelerated_time() -> None:
    accelerated = Settings(accelerated=True)
    set_simulator_data_source(Told)
    assert configured_source(accelerated) is not None
    for field in ("realtime_only", "supports_accelerated"):
        set_simulator_data_source(lambda: Told(), metadata={field: field == "realtime_only"})
        with pytest.raises(ValueError, match="does not support accelerated time"):
            configured_source(accelerated)
        assert configured_source(Settings()) is not None
    set_simulator_data_source(Live)
    with pytest.raises(ValueError, match="data source 'Live' does not support accelerated time"):
        configured_source(accelerated)
    set_simulator_data_source(lambda: Live(supports_accelerated=True))
    assert configured_source(accelerated) is not None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5,), TypeError, "factory is 5"),
        ((Told(),), TypeError, "it must be a callable"),
        (("nonsense",), ValueError, "factory is 'nonsense', it must be \"module:attribute\" or"),
        (("a.",), ValueError, "factory is 'a.'"),
        (("a:b:c",), ValueError, "factory is 'a:b:c'"),
        ((":b",), ValueError, "factory is ':b'"),
        (("a-b:c",), ValueError, "factory is 'a-b:c'"),
        ((Told, {"a": {1, 2}}), TypeError, "config must be what JSON can hold: .*set"),
        ((Told, {"a": np.zeros(3)}), TypeError, "config must be what JSON can hold"),
        ((Told, [1]), TypeError, r"config is \[1\], it must map the names of the factory's arguments"),
        ((Told, {1: 3}), TypeError, "it must map the names"),
        ((Told, {(1, 2): 3}), TypeError, "it must map the names"),
        ((Told, None, 5), TypeError, "metadata is 5"),
        ((Told, None, {"speed": 5}), ValueError, "metadata has 'speed', it takes channel_count, "),
        ((Told, None, {"channel_count": 5}), ValueError, "metadata: channel_count is 5, it must be 64"),
        ((Told, None, {"seekable": 5}), TypeError, "metadata: seekable is 5"),
    ],
)
def test_what_cannot_be_set(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    set_simulator_data_source(Told, {"a": "before"})
    with pytest.raises(error, match=message):
        set_simulator_data_source(*arguments)
    assert made().config == "before"


def test_a_config_that_holds_itself() -> None:
    config: list[Any] = []
    config.append(config)
    with pytest.raises(TypeError, match="config must be what JSON can hold"):
        set_simulator_data_source(Told, {"a": config})


def test_not_while_a_device_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    set_simulator_data_source(Told, {"a": "before"})
    monkeypatch.setattr(registry, "is_open", lambda: True)
    with pytest.raises(RuntimeError, match="cannot be set while a device is open"):
        set_simulator_data_source(Told)
    with pytest.raises(RuntimeError, match="cannot be cleared while a device is open"):
        clear_simulator_data_source()
    assert made().config == "before"


def test_an_open_device_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "is_open", Registry().is_open)
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    with cl.open():
        for change in (lambda: set_simulator_data_source(Told), clear_simulator_data_source):
            with pytest.raises(RuntimeError, match="while a device is open: close it first"):
                change()
    set_simulator_data_source(Told)
    clear_simulator_data_source()


def test_not_for_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_DEVICE", "127.0.0.1:9000")
    for change in (lambda: set_simulator_data_source(Told), clear_simulator_data_source):
        with pytest.raises(RuntimeError, match=r"CL_DEVICE='127\.0\.0\.1:9000' names a device"):
            change()


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("sim_factories", ValueError, "CL_SDK_DATA_SOURCE is 'sim_factories', it must be"),
        (
            "no_such_module:create",
            ValueError,
            "CL_SDK_DATA_SOURCE is 'no_such_module:create', which cannot be imported",
        ),
        (
            "sim_factories:create",
            ValueError,
            "CL_SDK_DATA_SOURCE is .* cannot be imported: .*no attribute 'create'",
        ),
        ("sim_factories:not_callable", ValueError, "CL_SDK_DATA_SOURCE is .*, which is 5, not a callable"),
        (
            "sim_factories:returns_nothing",
            ValueError,
            "the factory returned NoneType None, not a SimulatorDataSource",
        ),
        (
            "sim_factories:refuses",
            ValueError,
            r"data source 'sim_factories:refuses' with CL_SDK_DATA_SOURCE_CONFIG=\{'size': -1\}: size is -1",
        ),
        (
            "sim_factories:raises",
            DataSourceError,
            "'sim_factories:raises', factory: it raised RuntimeError: made with",
        ),
    ],
)
def test_a_bad_variable(path: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        configured_source(Settings(data_source=path, data_source_config={"size": -1}))


def test_bad_metadata_in_the_environment() -> None:
    settings = Settings(data_source="sim_factories:Told", data_source_metadata={"speed": 1})
    with pytest.raises(ValueError, match="CL_SDK_DATA_SOURCE_METADATA has 'speed'"):
        configured_source(settings)


def test_metadata_of_a_wrong_type_in_the_environment() -> None:
    settings = Settings(data_source="sim_factories:Told", data_source_metadata={"start_timestamp": "9"})
    with pytest.raises(ValueError, match="CL_SDK_DATA_SOURCE_METADATA: start_timestamp is '9', it must be"):
        configured_source(settings)


def test_a_path_is_imported_at_the_open() -> None:
    set_simulator_data_source("no_such_module:create")
    with pytest.raises(ValueError, match="factory is 'no_such_module:create', which cannot be imported"):
        configured_source(Settings())


def test_a_factory_that_raises_is_the_cause() -> None:
    for factory, cause in ((raises, RuntimeError), (refuses, ValueError)):
        set_simulator_data_source(factory)
        with pytest.raises((DataSourceError, ValueError)) as caught:
            configured_source(Settings())
        assert isinstance(caught.value.__cause__, cause)


@pytest.mark.parametrize("method", ["open", "close", "read", "on_stim", "on_stims"])
def test_methods_that_nobody_would_await(method: str) -> None:
    async def later(*_: Any) -> None:
        pass

    set_simulator_data_source(type("Late", (Told,), {method: later}))
    with pytest.raises(TypeError, match=f"data source 'Late': its method {method} is async"):
        configured_source(Settings())


def test_metadata_that_are_none() -> None:
    class Odd(Told):
        metadata = {"start_timestamp": 0}  # type: ignore[assignment]  # noqa: RUF012

    set_simulator_data_source(Odd)
    with pytest.raises(TypeError, match=r"data source '.*Odd': its metadata are dict"):
        configured_source(Settings())

    class Raising(Told):
        @property
        def metadata(self) -> SimulatorDataSourceMetadata:
            raise KeyError("none yet")

    set_simulator_data_source(Raising)
    with pytest.raises(DataSourceError, match=r"metadata: it raised KeyError: 'none yet'"):
        configured_source(Settings())

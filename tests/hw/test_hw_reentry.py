"""A signal's handler that comes in the midst of a conversation with the card does not wait for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hw_tools import PatientEmulator

import cl


@pytest.mark.parametrize(
    "command",
    [lambda neurons: neurons.stim(8, 1.0), lambda neurons: neurons.interrupt(8)],
    ids=["stim", "interrupt"],
)
def test_a_command_in_the_midst_of_another_one_is_refused(
    command: Callable[[cl.Neurons], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with PatientEmulator("--source", "counter") as process:
        monkeypatch.setenv("CL_DEVICE", process.address)
        with cl.open() as neurons:
            commander = neurons._engine.device.stimulator._link._commander  # type: ignore[attr-defined]
            with commander._lock, pytest.raises(RuntimeError, match="interrupted a call of the device"):
                command(neurons)
            command(neurons)

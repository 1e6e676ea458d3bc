"""What a program is told that has mixed something up: what it meant, and the limit or the remedy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

import cl

UNBALANCED = cl.StimDesign(160, -1, 160, 0.5)


@pytest.mark.anyio
async def test_sync_and_async_forms_name_their_twins(aneurons: cl.Neurons) -> None:
    with pytest.raises(TypeError, match=r"write 'async with cl\.aopen\(\) as neurons:'"):
        async with cl.open():  # type: ignore[attr-defined]
            pass
    with pytest.raises(TypeError, match=r"or 'with cl\.open\(\) as neurons:'"), cl.aopen():  # type: ignore[attr-defined]
        pass
    with pytest.raises(TypeError, match=r"write 'async for tick in neurons\.aloop\(\.\.\.\)'"):
        async for _ in aneurons.loop(10, stop_after_ticks=1):  # type: ignore[attr-defined]
            pass
    with pytest.raises(TypeError, match=r"or 'for tick in neurons\.loop\(\.\.\.\)'"):
        for _ in aneurons.aloop(10, stop_after_ticks=1):  # type: ignore[attr-defined]
            pass
    for stream in (aneurons.spikes(), aneurons.events(), aneurons.frames(10)):
        with pytest.raises(TypeError, match=r"is for async programs: write 'async with \.\.\. as stream"):
            for _ in stream:  # type: ignore[attr-defined]
                pass
        with pytest.raises(TypeError, match="is for async programs"), stream:  # type: ignore[attr-defined]
            pass


NAMES: list[tuple[Callable[[cl.Neurons], Any], str, str]] = [
    (lambda neurons: neurons, "stimm", "stim"),
    (lambda neurons: neurons, "stimulate", "stim()"),
    (lambda neurons: neurons, "get_timestamp", "timestamp()"),
    (lambda neurons: neurons.create_stim_plan(), "add_biphasic_pulse", "stim()"),
    (lambda neurons: neurons.create_stim_plan(), "runn", "run"),
    (lambda neurons: next(iter(neurons.loop(10, stop_after_ticks=1))), "spikes", "analysis.spikes"),
    (lambda neurons: neurons.loop(10, stop_after_ticks=1), "statistic", "statistics"),
]


@pytest.mark.parametrize(("of", "name", "meant"), NAMES)
def test_a_name_that_there_is_not(
    of: Callable[[cl.Neurons], Any], name: str, meant: str, accelerated: None
) -> None:
    with pytest.raises(AttributeError) as raised, cl.open() as neurons:
        getattr(of(neurons), name)
    told = [str(raised.value), *getattr(raised.value, "__notes__", [])]
    assert "\n".join(told).count(f"did you mean {meant}?") == 1
    assert raised.value.name == name


def test_a_name_that_a_view_has_not(accelerated: None) -> None:
    with cl.open() as neurons:
        recording = neurons.record(include_raw_samples=False)
        neurons.read(100)
        recording.stop()
    with recording.open() as view:
        assert not hasattr(view, "_no_such_name")
        for name, meant in (
            ("spike", "spikes"),
            ("streams", "data_streams"),
            ("sampling_rate", r"attributes\['frames_per_second'\]"),
        ):
            with pytest.raises(AttributeError, match=rf"no attribute '{name}': did you mean {meant}\?"):
                getattr(view, name)


def test_channels_in_a_list(neurons: cl.Neurons) -> None:
    for call in (neurons.stim, neurons.create_stim_plan().stim):
        with pytest.raises(TypeError, match=r"not \[8, 9\] \(a list\): write ChannelSet\(8, 9\)$"):
            call([8, 9], 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"not \[8, 99\] \(a list\)$"):
        neurons.interrupt([8, 99])  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"phase 2: current 0\.0 µA is not .* to the 0\.0 µA of phase 1; .* 0 µA is of none"
    ):
        neurons.stim(8, 0)


def test_the_end_of_a_file_s_name_is_there_once(neurons: cl.Neurons) -> None:
    for suffix, end in (("my.h5", "_my.h5"), ("other", "_other.h5"), (".h5", "_recording.h5")):
        recording = neurons.record(suffix)
        assert recording.file["name"].endswith(end)
        assert ".h5.h5" not in recording.file["name"]
        recording.stop()


def test_a_stim_that_reaches_no_electrode_is_told_once(
    neurons: cl.Neurons, caplog: pytest.LogCaptureFixture
) -> None:
    neurons.stim(cl.ChannelSet(0, 8), 1.0)
    assert caplog.messages == []
    for _ in range(2):
        neurons.stim(cl.ChannelSet(0, 63), 1.0)
        neurons.create_stim_plan().stim(7, 1.0)
    [message] = caplog.messages
    assert message.startswith("a stim on 0, 63 reaches no electrode: channels 0, 7, 56, 63 are grounded")


def test_a_design_that_leaves_charge_is_told_of_once(
    neurons: cl.Neurons, caplog: pytest.LogCaptureFixture
) -> None:
    balanced = cl.StimDesign(100, -0.3, 300, 0.1)  # in binary fractions it is not exactly so
    assert balanced.net_charge_nC == 0
    for design in (balanced, UNBALANCED, cl.StimDesign(160, -1, 160, 0.5), cl.StimDesign(160, 1)):
        neurons.stim(8, design)
        neurons.create_stim_plan().stim(8, design)
    assert [(record.name, record.levelno) for record in caplog.records] == [("cl", logging.WARNING)] * 2
    assert caplog.messages == [
        f"each pulse of {design} leaves {left} nC on its electrode; phases that cancel out leave none"
        for design, left in (("StimDesign(160, -1.0, 160, 0.5)", -0.08), ("StimDesign(160, 1.0)", 0.16))
    ]


def test_what_is_told_can_be_an_error(accelerated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_STIM_WARNINGS", "1")
    with cl.open() as neurons:
        plan = neurons.create_stim_plan()
        for call in (neurons.stim, plan.stim, neurons.interrupt_then_stim, plan.interrupt_then_stim):
            with pytest.raises(ValueError, match=r"leaves -0\.08 nC .*\(CL_STIM_WARNINGS=1"):
                call(8, UNBALANCED)
            with pytest.raises(ValueError, match=r"a stim on 56 reaches no electrode.*\(CL_STIM_WARNINGS=1"):
                call(56, 1.0)
        assert plan.preview().pulse_count == 0
        neurons.stim(9, 1.0)
        plan.run()
        assert [stim.channel for stim in neurons.read(1000, analysis=True).stims] == [9]


def test_a_preview_shows_what_is_dropped_and_interrupted(neurons: cl.Neurons) -> None:
    plan = neurons.create_stim_plan()
    plan.stim(cl.ChannelSet(0, 7, 8), 1.0, cl.BurstDesign(3, 100))
    plan.interrupt(cl.ChannelSet(7, 9))
    found = plan.preview()
    assert (found.dropped, found.interrupted) == ({0: 3}, (7, 9))
    lines = str(found).splitlines()
    assert lines[0].startswith("3 pulses on 1 channel, ")
    assert lines[1:3] == [
        "dropped: 3 pulses, since channel 0 is grounded",
        "first channels 7, 9 are interrupted",
    ]

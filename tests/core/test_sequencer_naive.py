"""The sequencer against a stimulator that walks every step."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from stim_programs import Command, end_of, plain, programs, run, run_naively

from cl._stim.sequencer import StimLimits


@settings(deadline=None, max_examples=250)
@given(programs())
def test_agrees_with_the_naive_stimulator(program: list[Command]) -> None:
    end = end_of(program)
    pulses, errors = run(program, end)
    assert (plain(pulses), errors) == run_naively(program, end)


@settings(deadline=None, max_examples=150)
@given(
    programs(size=20),
    st.builds(StimLimits, st.integers(1, 5), st.integers(0, 3), st.integers(0, 2)),
)
def test_refuses_what_the_naive_stimulator_refuses(program: list[Command], limits: StimLimits) -> None:
    # Whatever is refused must leave no trace either: the pulses say so.
    program = [command._replace(gap=command.gap // 3) for command in program]
    end = end_of(program, 3000)
    pulses, errors = run(program, end, limits)
    assert (plain(pulses), errors) == run_naively(program, end, limits)

"""`cl.progress`, and what a terminal shows of accelerated time by itself."""

from __future__ import annotations

import sys
import threading

import pytest
from core.test_progress import on_terminal
from notebook_display import shown_in_a_notebook

import cl
from cl._loop import progress as loop_progress
from cl._wait import goal_watch


def test_a_loop_is_what_it_was(neurons: cl.Neurons) -> None:
    seen = [tick.iteration for tick in cl.progress(neurons.loop(100, stop_after_ticks=5))]
    assert seen == [0, 1, 2, 3, 4]
    with pytest.raises(TypeError, match="cl.progress takes a loop"):
        cl.progress(range(3))  # type: ignore[arg-type]


def test_a_line_says_how_many_ticks_are_done(neurons: cl.Neurons, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    for tick in cl.progress(neurons.loop(1000, stop_after_ticks=500), "counting"):
        if tick.iteration == 250:
            text = terminal.getvalue()
    assert text.startswith("\rcounting [")
    assert terminal.getvalue().endswith(" \r"), "the line is left on the screen"


@pytest.mark.anyio
async def test_an_async_loop(aneurons: cl.Neurons, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    seen = [tick.iteration async for tick in cl.progress(aneurons.aloop(100, stop_after_ticks=5))]
    assert seen == [0, 1, 2, 3, 4]
    assert "loop [" in terminal.getvalue()


def test_a_notebook_has_a_bar(neurons: cl.Neurons, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_in_a_notebook(monkeypatch)
    list(cl.progress(neurons.loop(100, stop_after_ticks=3)))
    assert "loop: 100% in 0:0" in shown[-1] and 'aria-valuenow="1"' in shown[-1], "it stays"


def test_it_is_shown_seldom(neurons: cl.Neurons, monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    asked: list[int] = []
    show = loop_progress._Shown.show
    monkeypatch.setattr(
        loop_progress._Shown, "show", lambda self, done: asked.append(done) or show(self, done)
    )
    list(cl.progress(neurons.loop(25_000, stop_after_ticks=20_000)))
    assert len(asked) < 2_000


def test_what_takes_long_in_accelerated_time_shows_by_itself(
    accelerated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(monkeypatch)
    with cl.open() as neurons:
        recording = neurons.record(stop_after_seconds=100_000, include_raw_samples=False)
        shown = threading.Event()
        write = terminal.write
        monkeypatch.setattr(terminal, "write", lambda text: shown.set() or write(text))
        loop = neurons.loop(100, stop_after_seconds=100_000)
        for _ in loop:
            if shown.is_set():
                break
        assert "a loop at 100/s, 100000 s [" in terminal.getvalue()
        recording.stop()
    assert terminal.getvalue().endswith(" \r")
    assert "cl-progress" not in {thread.name for thread in threading.enumerate()}


def test_so_does_a_notebook_where_it_goes_when_it_is_over(
    accelerated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = shown_in_a_notebook(monkeypatch)
    monkeypatch.setattr(goal_watch, "_SILENT_S", 0.0)
    with cl.open() as neurons:
        for _ in neurons.loop(100, stop_after_seconds=100_000):
            if shown:
                break
    assert shown[0].startswith("<div><div>a loop at 100/s, 100000 s: 0% in 0:00")
    assert shown[-1] == ""


@pytest.mark.parametrize("variable", ["0", None])
def test_nobody_looks_where_nothing_is_shown(
    variable: str | None, accelerated: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        on_terminal(monkeypatch)
        monkeypatch.setenv("CL_PROGRESS", variable)
    with cl.open():
        assert "cl-progress" not in {thread.name for thread in threading.enumerate()}
    assert sys.stderr is not None

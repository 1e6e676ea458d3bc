"""Progress on stderr: seen on terminals only, and never in the way."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from notebook_display import shown_in_a_notebook

from cl._values.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return the terminal that stderr is from now on; pytest puts its own there before each test."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.delenv("CL_PROGRESS", raising=False)
    return found


def lines(terminal: Terminal) -> list[str]:
    return [line.rstrip() for line in terminal.getvalue().split("\r") if line.strip()]


def test_a_line_says_how_much_is_done_and_how_long_the_rest_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    clock = Clock()
    with Progress("copying", 4, clock=clock) as progress:
        clock.now += 30
        progress.step()
        clock.now += 30
        progress.to(3)
    assert lines(terminal) == [
        "copying [....................]   0% 0:00",
        "copying [#####...............]  25% 0:30, 1:30 left",
        "copying [###############.....]  75% 1:00, 0:20 left",
    ]
    assert terminal.getvalue().endswith(" \r"), "the line is left on the screen"


def test_it_is_shown_ten_times_a_second_and_where_its_label_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    clock = Clock()
    with Progress("a", 1000, clock=clock) as progress:
        for _ in range(100):
            clock.now += 0.01
            progress.step()
        shown = len(lines(terminal))
        progress.step(0, "b")
    assert 10 <= shown <= 12
    assert lines(terminal)[-1].startswith("b [")


def test_the_line_fits_the_terminal_and_has_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Progress("\x1b[2Jname\n" + "x" * 500, 2) as progress:
        progress.step()
    assert "\x1b" not in terminal.getvalue() and "\n" not in terminal.getvalue()
    assert max(map(len, lines(terminal))) < 80


def test_what_was_there_before_took_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    clock = Clock()
    progress = Progress("again", 4, clock=clock)
    progress.to(2)
    clock.now += 30
    progress.to(3)
    assert lines(terminal)[-1] == "again [###############.....]  75% 0:30, 0:30 left"


def test_a_notebook_has_a_bar_that_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_in_a_notebook(monkeypatch)
    clock = Clock()
    with Progress("<copying>", 4, clock=clock) as progress:
        clock.now += 30
        progress.to(3, failed=1)
    assert "&lt;copying&gt;: 75% in 0:30, 0:10 left" in shown[1]
    assert "width:50.00%" in shown[1] and "width:25.00%" in shown[1]
    assert shown[2] == ""
    monkeypatch.setenv("CL_PROGRESS", "0")
    assert not Progress("x", 2).is_shown


@pytest.mark.parametrize("shell", [None, SimpleNamespace(), SimpleNamespace(kernel=None)])
def test_other_programs_with_ipython_have_none(shell: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert not Progress("x", 2).is_shown
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())  # a stand-in of the program's own
    assert not Progress("x", 2).is_shown


@pytest.mark.parametrize("total", [0, -1])
def test_nothing_to_do_is_done(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    terminal = on_terminal(monkeypatch)
    with Progress("x", total) as progress:
        progress.step(5)
    assert "100%" in terminal.getvalue()


def test_it_is_off_by_the_variable_and_where_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("CL_PROGRESS", "0")
    with Progress("x", 2) as progress:
        progress.step()
    assert terminal.getvalue() == ""
    monkeypatch.delenv("CL_PROGRESS")
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    with Progress("x", 2) as progress:
        progress.step()
    assert file.getvalue() == ""


class Gone(Terminal):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def closed() -> Terminal:
    stream = Terminal()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, Gone(), closed(), object()])
def test_work_goes_on_where_it_cannot_be_shown(stream: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("CL_PROGRESS", raising=False)
    with Progress("x", 2, clock=Clock()) as progress:
        progress.step(label="y")
        progress.to(2, "z")
    assert progress.done == 2


def test_a_terminal_that_goes_while_it_is_shown_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with Progress("x", 2, clock=Clock()) as progress:
        terminal.close()
        progress.step(label="y")
    assert progress.done == 1

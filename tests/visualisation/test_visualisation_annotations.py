"""The one thing that a page writes: a remark, for who has the page's token."""

from __future__ import annotations

from typing import Any

import pytest
from browser_tools import chromium, tab
from visualisation_tools import page

import cl
import cl._current
from cl.visualisation.server.commands import Annotate, CommandError, parse


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")


def server_of() -> Any:
    session = cl._current.devices.environments()
    assert session is not None and session.visualiser is not None
    return session.visualiser


def test_only_with_the_token(shown: None) -> None:
    with cl.open() as neurons:
        recording = neurons.record()
        first = neurons.annotate("by the program", n=1)
        server = server_of()
        assert neurons.annotation_url == f"{server.url}/#token={server.token}"
        with page(server) as one, page(server) as other:
            one.subscribe("status")
            other.subscribe("status")
            assert one.message("annotations")["annotations"] == [[first, "by the program", {"n": 1}]]
            for token in ("", "x", server.token[:-1], "\\u00e9"):
                one.command(type="annotate", text="no", token=token)
                assert "token" in one.message("error")["text"]
            one.command(type="annotate", text=" <i>hi</i> ", token=server.token)
            ((at, text, fields),) = one.message("annotations")["annotations"]
            assert (text, fields) == ("<i>hi</i>", {"by": "page"}) and at >= first
            told = other.message("annotations")["annotations"]
            told += other.message("annotations")["annotations"] if len(told) < 2 else []
            assert [text for _, text, _ in told] == ["by the program", "<i>hi</i>"]
        recording.stop()
    with recording.open() as view:
        start = recording.start_timestamp
        assert [(note.timestamp + start, note.text) for note in view.annotations] == [
            (first, "by the program"),
            (at, "<i>hi</i>"),
        ]
    assert neurons.annotation_url is None


def test_the_command_is_checked() -> None:
    assert parse('{"type": "annotate", "text": " a ", "token": "t"}') == Annotate("a", "t")
    for bad in (
        '"text": ""',
        '"text": 5',
        f'"text": "{"x" * 2001}"',
        '"token": "t"',
        '"text": "a", "token": 1',
    ):
        with pytest.raises(CommandError):
            parse(f'{{"type": "annotate", {bad}}}')


def test_in_a_browser(shown: None) -> None:
    with cl.open() as neurons, chromium() as browser:
        recording = neurons.record()
        server = server_of()
        with tab(browser, server.url) as watching:
            watching.until("v.connected")
            watching.page.keyboard.press("n")
            assert watching.page.is_visible("#annotate-help") and not watching.page.is_visible(
                "#annotate-box"
            )
            watching.page.keyboard.press("Escape")
            assert watching.complaints == []
        assert neurons.annotation_url is not None
        with tab(browser, neurons.annotation_url) as one:
            one.until("v.connected")
            assert "token" not in one.page.url
            one.page.keyboard.press("n")
            one.page.fill("#annotate-text", "<b>bubble</b>")
            one.page.keyboard.press("Enter")
            one.page.wait_for_function("() => visualiser.page.annotations.list.length === 1", polling=50)
            assert one.page.evaluate("() => visualiser.page.annotations.near(0, () => 0)") == (
                "<b>bubble</b>, by: page"
            )
            assert one.complaints == []
        recording.stop()
    with recording.open() as view:
        assert [note.text for note in view.annotations] == ["<b>bubble</b>"]

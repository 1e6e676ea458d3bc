"""The page of an application over a recording: it gets what was recorded, and begins anew where keys seek."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_tools import chromium, tab

from cl.visualisation.server.application import Application
from cl.visualisation.server.commands import Play, Seek
from cl.visualisation.server.player import Player, Recorded
from cl.visualisation.server.server import VisualiserServer

PATIENCE_S = 40.0
SCRIPT = """
const dataStreams = ["game", "cl_spikes"];
var seen = { resets: 0, game: 0, cl_spikes: 0 };
function createVisualiser(uniqueId, div) {
  return {
    reset() { seen.resets++; seen.game = seen.cl_spikes = 0; },
    process(name, timestamp, data) { seen[name]++; },
    draw() {},
  };
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


class AskedPlayer(Player):
    """Tells when it is asked for entries: a page has subscribed to them, and gets those from then on."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(recorded, playing=False)
        self.asked = threading.Event()

    def entries(self, cursor: Any) -> Any:
        self.asked.set()
        return super().entries(cursor)


def test_it_is_fed_and_reset_as_the_recording_is_played(browser: Any, shared_data: Path) -> None:
    recorded = Recorded(shared_data / "reference_recording.h5")
    player = AskedPlayer(recorded)
    server = VisualiserServer(lambda: player, port_from=0)
    server.application = Application(SCRIPT, "<p>here</p>", None, "mine Visualiser")
    try:
        with tab(browser, f"{server.url}/app") as one:
            one.page.wait_for_function("() => seen.resets === 1")
            assert one.page.title() == "mine Visualiser"
            assert player.asked.wait(PATIENCE_S)
            player.control(Play(True))
            one.page.wait_for_function("() => seen.game === 20 && seen.cl_spikes === 240")
            player.control(Seek(recorded.start))  # as a key does
            one.page.wait_for_function("() => seen.resets === 2 && seen.game === 0")
    finally:
        server.stop()
        recorded.close()

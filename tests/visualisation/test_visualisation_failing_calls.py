"""Every call of the system that serving the page takes fails once."""

from __future__ import annotations

from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from failing_calls import TIMEOUT, fails_in_turn
from visualisation_tools import PATIENCE_S

import cl
import cl._current

pytestmark = pytest.mark.timeout(TIMEOUT)


def test_serving_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks at it, who gets an answer or none, but is not kept waiting."""
    monkeypatch.setenv("CL_SDK_VISUALISATION", "1")

    def program(paths: list[Path]) -> None:
        with cl.open() as neurons:
            session: Any = cl._current.devices.environments()
            if session.visualiser is not None:  # A page that cannot be served is warned of.
                page = HTTPConnection(session.visualiser.host, session.visualiser.port, timeout=PATIENCE_S)
                with closing(page), suppress(HTTPException, ConnectionError):
                    page.request("GET", "/")
                    page.getresponse().read()
            neurons.read(1)

    failed, raised = fails_in_turn(program, lambda trial: None)
    # Some 20 of them: how often the page's threads read, write and close is up to their order.
    assert failed > 10 and raised > 4

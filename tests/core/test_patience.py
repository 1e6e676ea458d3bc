"""How long an answer is waited for: as long as it takes, and not longer because the process stood still."""

from __future__ import annotations

from itertools import count

import pytest

from cl._core.patience import Patience
from cl.net.requests import Request
from cl.net.wire.layout import Kind

SECOND = 1_000_000_000


def test_an_answer_is_late_when_its_time_is_over() -> None:
    patience = Patience(0, SECOND)
    late = [now for now in range(0, 2 * SECOND, SECOND // 10) if patience.is_over(now)]
    assert late[0] == SECOND


def test_what_passed_while_the_process_stood_still_does_not_count() -> None:
    patience = Patience(0, SECOND)
    assert not patience.is_over(3 * SECOND)
    assert 0 < SECOND - patience.left_ns < SECOND // 5
    assert not any(patience.is_over(3 * SECOND + now) for now in range(0, SECOND // 2, SECOND // 10))


def test_a_program_that_stood_still_waits_for_the_answer_that_has_come_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request, times = Request(Kind.COMMAND, b""), count(0, 3 * SECOND)

    def now() -> int:
        found = next(times)
        if found == 9 * SECOND:
            request.answered.release()
        return found

    monkeypatch.setattr("cl.net.requests.host_ns", now)
    assert request.wait(1.0)
    assert not request.wait(0.001)

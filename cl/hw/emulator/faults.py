"""What a device can do wrong, on request."""

from __future__ import annotations

from typing import Final, NamedTuple

from cl.hw.wire.layout import Result

KINDS: Final[dict[str, str]] = {
    "late": "late=MS[:COUNT]: raise the next COUNT data interrupts MS milliseconds late",
    "lost": "lost=COUNT: do not raise the next COUNT data interrupts",
    "coalesce": "coalesce=K: raise only every K-th data interrupt from now on",
    "overrun": "overrun=N: go on so far at once that N frames are overwritten before they are announced",
    "drop": "drop=N: lose the next N frames before they reach the ring",
    "counter": "counter=VALUE: post VALUE as the frame counter",
    "refuse": "refuse=RESULT[:COUNT]: refuse the next COUNT commands, RESULT as in layout.Result",
    "ignore": "ignore=COUNT: do not answer the next COUNT commands",
    "mute": "mute=COUNT: do not raise the completion interrupt of the next COUNT commands",
    "freeze": "freeze: do nothing at all from now on",
    "stall": "stall: show signs of life and deliver no frames",
    "status": "status=VALUE: show VALUE as STATUS; no frames come unless that is 1, RUNNING",
    "fail": "fail: enter the failed state",
    "exit": "exit: end the process, without a word",
    "hangup": "hangup: close all connections",
    "garbage": "garbage=BYTES: send so many random bytes to all clients",
    "babble": "babble: answer every request with random bytes from now on",
    "badspike": "badspike=CHANNEL: post a spike on a channel there is not",
}


class Fault(NamedTuple):
    """One thing to do wrong, once the frame counter has come to `at`."""

    kind: str
    value: str
    times: int
    at: int

    def number(self) -> int:
        """Return `value` as an integer."""
        return int(self.value, 0)


def parse_fault(text: str) -> Fault:
    """Return the fault that "kind[=value[:count]][@frame]" describes; ValueError where it is none."""
    rest, _, at = text.strip().partition("@")
    kind, _, rest = rest.partition("=")
    value, _, count = rest.partition(":")
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; there are: {', '.join(KINDS)}")
    try:
        fault = Fault(kind, value, int(count or 1), int(at or 0))
        if kind == "refuse":
            Result[fault.value]
        elif "=" in KINDS[kind].partition(":")[0]:
            fault.number()
    except (ValueError, KeyError):
        raise ValueError(f"fault {text!r} is not of the form {KINDS[kind]}") from None
    return fault


def parse_faults(text: str) -> list[Fault]:
    """Return the faults of a comma-separated list, in the order of their frames."""
    return sorted((parse_fault(part) for part in text.split(",") if part.strip()), key=lambda f: f.at)

"""State machines over the public API: how many they are, and what they have tried."""

from __future__ import annotations

import os
from collections import Counter

import hypothesis
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

EXAMPLES = int(os.environ.get("CL_MACHINE_EXAMPLES", "0"))
"""How many runs each machine has; by default some dozens."""


TIMEOUT = 24 * 3600 if EXAMPLES else 120
"""Seconds that a test of a machine may take."""


class Machine(RuleBasedStateMachine):
    """A state machine that counts what it did."""

    counts: Counter[str]

    @classmethod
    def try_out(cls, examples: int, steps: int, shrink: bool = True) -> Counter[str]:
        """Run it so many times with so many steps each; return how often it did what.

        What happens in real time cannot be made to happen again just so, and is not shrunk.
        """
        cls.counts = Counter()
        chosen = hypothesis.settings(
            max_examples=EXAMPLES or examples,
            stateful_step_count=steps,
            deadline=None,
            phases=hypothesis.settings().phases if shrink else (hypothesis.Phase.generate,),
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        run_state_machine_as_test(cls, settings=chosen)  # type: ignore[no-untyped-call]
        print(cls.__name__, dict(cls.counts))
        return cls.counts

    def count(self, what: str) -> None:
        """Take note of something that was done."""
        type(self).counts[what] += 1

"""Recover from a body that is known to be slow."""

import time

import cl

TICKS_PER_SECOND = 100
STOP_AFTER_TICKS = 10

first_tick_time = None


def handle_recovery_tick(tick):
    # Optional callback, called for skipped iterations during jitter recovery.
    iteration_time_ms = (time.time() - first_tick_time) * 1000
    print(f"RECOVERING FROM JITTER: tick.iteration={tick.iteration} at {round(iteration_time_ms)} ms")


with cl.open() as neurons:
    for tick in neurons.loop(TICKS_PER_SECOND, stop_after_ticks=STOP_AFTER_TICKS):
        if tick.iteration == 0:
            first_tick_time = time.time()

        iteration_time_ms = (time.time() - first_tick_time) * 1000
        print(f"NORMAL TICK: tick.iteration={tick.iteration} at {round(iteration_time_ms)} ms")

        if tick.iteration == 1:
            # In the 2nd iteration, sleep for 50ms. This would
            # normally cause a jitter error, because our loop
            # tick time budget at 100 ticks per second is less
            # than 10ms per tick.
            time.sleep(50 / 1000)

            # However, since we know we've done something slow
            # in this iteration, we can ask the system to
            # recover and continue. If you comment out this
            # line, you'll see a jitter error.
            tick.loop.recover_from_jitter(handle_recovery_tick)

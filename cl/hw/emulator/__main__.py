"""`python -m cl.hw.emulator --socket PATH`: be a device until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cl._stim.limits import StimLimits
from cl._values.constants import FRAME_NS
from cl._values.saying import Log, say
from cl.hw.wire.layout import LONGEST_LIVENESS_MS, USUAL_LIVENESS_MS
from cl.hw.wire.machine import check_machine
from cl.sim.dish import Dish

from .device import MODERATION_LIMIT, Emulator, Setup
from .faults import KINDS, parse_faults
from .output import never_wait
from .sources import make_source, stamper

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = Log("cl.hw.emulator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator; return the process's exit status. SIGTERM and Ctrl-C end it in good order."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        emulator = _build(options)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        say(f"cl.hw.emulator: {error}")
        return 2
    _go_first()
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: emulator.end())
        print(f"ready unix:{options.socket}", flush=True)
        emulator.run()
    finally:
        emulator.close()
    return 0


def _go_first() -> None:
    """Be scheduled before programs, where that is allowed: no device waits for its turn on a busy host."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    if os.getsid(0) == os.getpid():
        # Where Linux shares the processor out among sessions, that one counts for nothing outside of ours.
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text("-10")


def _parser() -> argparse.ArgumentParser:
    faults = "; ".join(KINDS.values())
    parser = argparse.ArgumentParser(prog="python -m cl.hw.emulator", description="Emulate a CL1.")
    add = parser.add_argument
    add("--socket", required=True, metavar="PATH", help="where to listen; CL_DEVICE=unix:PATH")
    add("--source", default="random", help="random, counter, culture, replay:PATH or module:attribute")
    add("--source-config", metavar="JSON", help="what the source's factory is given")
    add("--seed", type=int, help="of the source; drawn and logged if not given")
    add("--moderation-us", type=int, default=1000, help="time between two data interrupts, in µs")
    add(
        "--liveness-ms",
        type=int,
        default=USUAL_LIVENESS_MS,
        help="time between two signs of life that is promised; drivers wait six times as long. More than the "
        "usual %(default)s is for a machine that may keep the emulator waiting",
    )
    add("--stamp", type=int, metavar="CHANNEL", help="write frame numbers into four channels from this one")
    add("--stopped", action="store_true", help="make frames only once a controller has said so")
    add("--channel-queue-limit", type=int, default=StimLimits().channel_queue)
    add("--sync-limit", type=int, default=StimLimits().syncs)
    add("--deferred-interrupt-limit", type=int, default=StimLimits().deferred_interrupts)
    add("--faults", default="", help=f"a comma-separated list of KIND[=VALUE[:COUNT]][@FRAME]: {faults}")
    add("--stdin", action="store_true", help="take faults from the input, one a line; end when it closes")
    return parser


def _build(options: argparse.Namespace) -> Emulator:
    check_machine("a device cannot be emulated here")
    seed = options.seed
    if seed is None:
        seed = secrets.randbits(32)
        _log.info("the emulator drew seed %d: give --seed %d to repeat this run", seed, seed)
    moderation = options.moderation_us * 1000 // FRAME_NS
    if not 1 <= moderation <= MODERATION_LIMIT:
        raise ValueError(
            f"moderation is {options.moderation_us} µs, it takes 40 to {MODERATION_LIMIT * FRAME_NS // 1000}"
        )
    if not 1 <= options.liveness_ms <= LONGEST_LIVENESS_MS:
        raise ValueError(f"liveness is {options.liveness_ms} ms, it takes 1 to {LONGEST_LIVENESS_MS}")
    if options.stamp is not None and not 0 <= options.stamp <= 60:
        raise ValueError(f"the stamped channel is {options.stamp}, it takes 0 to 60")
    limits = StimLimits(options.channel_queue_limit, options.sync_limit, options.deferred_interrupt_limit)
    setup = Setup(
        options.socket,
        moderation,
        options.stopped,
        options.stdin,
        parse_faults(options.faults),
        _attributes(options.source),
        seed,
        options.liveness_ms,
    )
    source = make_source(options.source, seed, options.source_config)
    source.open()
    stamp = None if options.stamp is None else stamper(options.stamp)
    try:
        return Emulator(setup, source, Dish(limits), stamp)
    except BaseException:
        source.close()
        raise


def _attributes(source: str) -> dict[str, str]:
    """Return what the device answers when asked who it is."""
    return {
        "project_id": "emulator",
        "chip_id": "emulator",
        "cell_batch_id": source,
        "plugin": "emulator",
        "system_id": "cl1-emulator",
        "hostname": socket.gethostname(),
    }


if __name__ == "__main__":
    never_wait()
    sys.exit(main())

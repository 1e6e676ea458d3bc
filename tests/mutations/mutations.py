"""Forty-nine small breaks of the package, and for each the test that has to notice it.

Each changes one place. `run_mutations.py` applies them one at a time in a copy of the tree.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Mutation(NamedTuple):
    """`old` occurs once in the file, and becomes `new`; `test` is what pytest is to be given."""

    name: str
    file: str
    old: str
    new: str
    test: str


_BUDGETS: Final = "tests/core/test_stim_budgets.py"
_NAIVE: Final = "tests/core/test_sequencer_naive.py"
_CALLS: Final = "tests/contract/test_contract_failing_calls.py"
_SIMULATION: Final = "tests/aio/test_aio_simulation.py"
_TURNS: Final = "tests/aio/test_aio_turns.py"
_POWER: Final = "tests/store/test_store_power.py"
_RECORDINGS: Final = "tests/contract/test_contract_recording_machine.py"

MUTATIONS: Final = (
    Mutation(
        "the pulses of a burst are a step late",
        "cl/_stim/machine.py",
        "channel.free_at = step = step + period",
        "channel.free_at = step = step + period + 1",
        _NAIVE,
    ),
    Mutation(
        "pulses of one step are in the wrong order",
        "cl/_stim/machine.py",
        "out[at - 1].channel > pulse.channel",
        "out[at - 1].channel < pulse.channel",
        _NAIVE,
    ),
    Mutation(
        "a sync that is complete still counts",
        "cl/_stim/machine.py",
        "        self._syncs.discard(sync)\n",
        "",
        _NAIVE,
    ),
    Mutation(
        "an interrupt leaves the rest of a burst",
        "cl/_stim/machine.py",
        "        channel.left = 0\n        if channel.free_at > step:",
        "        if channel.free_at > step:",
        _NAIVE,
    ),
    Mutation(
        "a lead time is a step too long",
        "cl/_stim/machine.py",
        "self._schedule(channel, step + stim.delay_steps)",
        "self._schedule(channel, step + stim.delay_steps + 1)",
        _NAIVE,
    ),
    Mutation(
        "interrupts act a step after their time",
        "cl/_stim/machine.py",
        "if entry.step <= step]",
        "if entry.step < step]",
        _NAIVE,
    ),
    Mutation(
        "grounded channels are stimulated",
        "cl/_stim/sequencer.py",
        "if channel.grounded:",
        "if False:",
        _NAIVE,
    ),
    Mutation(
        "a queue takes one operation too many",
        "cl/_stim/sequencer.py",
        "channel.queued() >= limit",
        "channel.queued() > limit",
        "tests/core/test_stimulation_machine.py",
    ),
    Mutation(
        "a long pulse may follow another within it",
        "cl/_stim/designs.py",
        "max(MIN_PERIOD_STEPS, NOTICE_STEPS",
        "min(MIN_PERIOD_STEPS, NOTICE_STEPS",
        "tests/contract/test_contract_stim.py",
    ),
    Mutation(
        "pulses that are told again count again in budgets",
        "cl/_stim/budget_keeper.py",
        "if last >= step:",
        "if last > step:",
        _BUDGETS,
    ),
    Mutation(
        "budgets remember as long as the shortest window",
        "cl/_stim/budget_keeper.py",
        "return max((limits.window for limits in self._of_channel.get(channel, ())), default=0)",
        "return min((limits.window for limits in self._of_channel.get(channel, ())), default=0)",
        _BUDGETS,
    ),
    Mutation(
        "budgets forget pulses that have begun",
        "cl/_stim/budget_keeper.py",
        "self._ahead(channel, [*ahead, train])",
        "self._ahead(channel, [train])",
        _BUDGETS,
    ),
    Mutation(
        "pulses go on passing without a look when others have taken the room",
        "cl/_stim/budget_keeper.py",
        "                self._allowances.pop(channel, None)",
        "                pass",
        _BUDGETS,
    ),
    Mutation(
        "what is left behind has no limit below 0",
        "cl/_stim/budget_keeper.py",
        "or abs(all_left - left + more_left) > most_left",
        "or all_left - left + more_left > most_left",
        _BUDGETS,
    ),
    Mutation(
        "a limit of 0 is none",
        "cl/_stim/budget.py",
        "for name, value in given if value is not None",
        "for name, value in given if value",
        _BUDGETS,
    ),
    Mutation(
        "a close ends with what cancels its task",
        "cl/_session/opening.py",
        "await to_the_end(opening.leave)",
        "await in_thread(opening.leave)",
        "tests/aio/test_aio_closing.py",
    ),
    Mutation(
        "the ticks of seconds are rounded down",
        "cl/_values/rates.py",
        "return math.ceil(seconds * exact(",
        "return math.floor(seconds * exact(",
        "tests/core/test_core_rates.py",
    ),
    Mutation(
        "seconds are binary fractions",
        "cl/_values/rates.py",
        "Fraction(repr(as_float)) if type(number) is float",
        "Fraction(as_float) if type(number) is float",
        "tests/core/test_core_rates.py",
    ),
    Mutation(
        "a window has the event at its end",
        "cl/_core/history.py",
        "return items[low : bisect_left(times, stop, low)]",
        "return items[low : bisect_left(times, stop + 1, low)]",
        "tests/core/test_core_history.py",
    ),
    Mutation(
        "frames that are overwritten while they are read are given",
        "cl/_core/history.py",
        "if start < self.end - len(data):",
        "if False:",
        "tests/core/test_core_history.py",
    ),
    Mutation(
        "a loss counts whole in a window that has a part of it",
        "cl/_core/losses.py",
        'min(loss.size, overlap) if loss.what == "frames" else loss.size',
        "loss.size",
        "tests/hw/test_hw_program.py -k counted_once",
    ),
    Mutation(
        "a loop that is late by just the tolerance raises",
        "cl/_loop/run.py",
        "if self.loop._raises and behind > self.loop._tolerance:",
        "if self.loop._raises and behind >= self.loop._tolerance:",
        "tests/contract/test_contract_jitter.py",
    ),
    Mutation(
        "recovery leaves the last tick that is due",
        "cl/_loop/run.py",
        "while not self.over() and self.due <= engine.now():",
        "while not self.over() and self.due < engine.now():",
        "tests/contract/test_contract_jitter.py",
    ),
    Mutation(
        "a loop that has ended goes on holding time",
        "cl/_loop/run.py",
        "            threads.drop(engine, self.participant)",
        "            pass",
        _SIMULATION,
    ),
    Mutation(
        "ties go by who came first",
        "cl/_core/participant.py",
        "self._alike = kind << _PERIOD_BITS | period",
        "self._alike = 0",
        _SIMULATION,
    ),
    Mutation(
        "work for a body does not have its hold",
        "cl/loop.py",
        "                    serve_with(participant.hold)",
        "                    pass",
        _SIMULATION,
    ),
    Mutation(
        "a task goes on after a turn that was in vain",
        "cl/_wait/tasks.py",
        "            self._turns.in_vain()\n            return None",
        "            self._turns.in_vain()\n            return _DONE",
        _TURNS,
    ),
    Mutation(
        "one that was taken out is served before one that is due earlier",
        "cl/_core/due_times.py",
        "return None if timed and timed[0] < entry else participant",
        "return participant",
        _TURNS,
    ),
    Mutation(
        "who sleeps alone does not hold time then",
        "cl/_core/holds.py",
        "        self.put(hold)\n        self.activate(hold)",
        "        self.put(hold)",
        "tests/aio/test_aio_alone.py",
    ),
    Mutation(
        "without threads an async open stays open",
        "cl/_session/opening.py",
        "            opening.leave()  # There",
        "            raise  # There",
        _CALLS,
    ),
    Mutation(
        "a descriptor whose close fails is closed again",
        "cl/_store/write/ordered_file.py",
        "descriptor, self.descriptor = self.descriptor, -1  # An error",
        "descriptor = self.descriptor  # An error",
        _CALLS,
    ),
    Mutation(
        "any error of stat says that a recording was removed",
        "cl/_store/write/new_file.py",
        "        except (FileNotFoundError, NotADirectoryError):",
        "        except OSError:",
        _CALLS,
    ),
    Mutation(
        "no sync between what counts and what leads to it",
        "cl/_store/write/ordered_file.py",
        "                self._sync()\n                self._perform(links)",
        "                self._perform(links)",
        _POWER,
    ),
    Mutation(
        "links are performed in the wrong order",
        "cl/_store/write/ordered_file.py",
        "            self._write_all(*links[0])\n            links.popleft()",
        "            self._write_all(*links[-1])\n            links.pop()",
        "tests/store/test_store_crash.py",
    ),
    Mutation(
        "space is used again before the disk has let go of it",
        "cl/_store/write/ordered_file.py",
        "        self._unlinked += self._freed\n",
        "        self._free += self._freed\n",
        _POWER,
    ),
    Mutation(
        "a recording has entries from before its window",
        "cl/_recording/appended.py",
        "if first + gone < self._first_own:",
        "if False:",
        _RECORDINGS,
    ),
    Mutation(
        "stopping does not bring the end forward",
        "cl/_recording/recorder.py",
        "if self.end is None or end < self.end:",
        "if self.end is None or end > self.end:",
        "tests/contract/test_contract_recording_ends.py",
    ),
    Mutation(
        "a recording does not wait for the samples of its last spikes",
        "cl/_recording/recorder.py",
        "return max(end, min(end + self._capture.ahead,",
        "return max(end, min(end,",
        "tests/contract/test_contract_recording_ends.py tests/contract/test_contract_recording_contents.py",
    ),
    Mutation(
        "closing does not finalise recordings",
        "cl/_session/session.py",
        "            self.neurons._recordings.finalise()",
        "            pass",
        _RECORDINGS,
    ),
    Mutation(
        "control is kept when the last who wanted it has left",
        "cl/_session/control.py",
        "elif not control.opens:",
        "elif False:",
        "tests/contract/test_contract_session_machine.py",
    ),
    Mutation(
        "a device loses a frame more than it says",
        "cl/hw/driver/reader.py",
        "self._sink.on_lost(lost, start, stop if lost",
        "self._sink.on_lost(lost + 1, start, stop if lost",
        "tests/hw/test_hw_every_fault.py",
    ),
    Mutation(
        "a frame counter may jump",
        "cl/hw/driver/reader.py",
        "if not before < posted < before + LONGEST_JUMP:",
        "if False:",
        "tests/hw/test_hw_faults.py -k frame_counter",
    ),
    Mutation(
        "silence is no end",
        "cl/hw/driver/reader.py",
        "        if wrong is not None:",
        "        if False:",
        "tests/hw/test_hw_faults.py -k gone_is_noticed",
    ),
    Mutation(
        "a refused command is taken for done",
        "cl/hw/driver/commander.py",
        "        if result == Result.OK:\n            return effective",
        "        if True:\n            return effective",
        "tests/hw/test_hw_driver_machine.py",
    ),
    Mutation(
        "events that were overwritten are not counted",
        "cl/hw/wire/ring.py",
        "        self._lost += first - before\n",
        "",
        "tests/hw/test_hw_ring.py",
    ),
    Mutation(
        "a spike on a channel too many is taken",
        "cl/hw/wire/ring.py",
        "int(channels.max()) >= self._limit:",
        "int(channels.max()) > self._limit:",
        "tests/hw/test_hw_ring.py tests/hw/test_hw_faults.py -k 'channel or cannot'",
    ),
    Mutation(
        "a second Origin header is not looked at",
        "cl/visualisation/server/access.py",
        "if len(hosts) != 1 or len(origins) > 1:",
        "if len(hosts) != 1:",
        "tests/visualisation/test_visualisation_access.py",
    ),
    Mutation(
        "pages of a sister site may read the device",
        "cl/visualisation/server/access.py",
        'if fetch_site in ("cross-site", "same-site") and',
        'if fetch_site == "cross-site" and',
        "tests/visualisation/test_visualisation_access.py",
    ),
    Mutation(
        "a source's spike may lie behind its window",
        "cl/sim/user/checks.py",
        "if first < start or last >= stop:",
        "if first < start or last > stop:",
        "tests/testing/test_testing_checks.py -k named",
    ),
    Mutation(
        "a source's frames are not copied",
        "cl/sim/user/checks.py",
        "frames = checked_frames(batch.frames).copy()",
        "frames = checked_frames(batch.frames)",
        "tests/sim/test_sim_pull_source.py",
    ),
)

"""PlanPreview: what a plan would do, without delivering anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from cl._values.numbers import decimal

from .budget import Left, StimBudget
from .designs import NOTICE_STEPS, STEP_US, STEPS_PER_SECOND, StimDesign


class TrainPreview(NamedTuple):
    """Pulses of one design that follow each other on one channel, `interval_steps` apart.

    Steps are of 20 µs, and count from the run of the plan.
    """

    first_step: int
    pulse_count: int
    interval_steps: int
    design: StimDesign

    @property
    def pulse_steps(self) -> range:
        """The steps in which the pulses start."""
        return range(
            self.first_step, self.first_step + self.pulse_count * self.interval_steps, self.interval_steps
        )

    @property
    def last_step(self) -> int:
        """The step in which the last pulse starts."""
        return self.first_step + (self.pulse_count - 1) * self.interval_steps

    @property
    def end_step(self) -> int:
        """The step in which the last phase of the last pulse ends."""
        return self.last_step + self.design.duration_us // STEP_US

    @property
    def phases(self) -> tuple[tuple[int, float], ...]:
        """The phases of each pulse: duration in µs and current in µA."""
        return tuple(zip(self.design.phase_durations_us, self.design.phase_currents_uA, strict=True))

    @property
    def charge_nC(self) -> float:
        """The charge moved by all pulses, either way: the sum of |duration × current|."""
        return (
            float(
                self.pulse_count * sum(duration * abs(decimal(current)) for duration, current in self.phases)
            )
            / 1000
        )

    @property
    def net_charge_nC(self) -> float:
        """The charge left behind by all pulses: the sum of duration × current, 0 where it is balanced."""
        return (
            float(self.pulse_count * sum(duration * decimal(current) for duration, current in self.phases))
            / 1000
        )


class ChannelPreview(NamedTuple):
    """What a plan would do on one channel: `trains`, at least one, in the order of time."""

    channel: int
    trains: tuple[TrainPreview, ...]

    @property
    def pulse_count(self) -> int:
        """The number of pulses."""
        return sum(train.pulse_count for train in self.trains)

    @property
    def pulse_steps(self) -> list[int]:
        """The steps, of 20 µs, in which the pulses start, counted from the run of the plan."""
        return [step for train in self.trains for step in train.pulse_steps]

    @property
    def pulse_timestamps(self) -> list[int]:
        """The frames in which the pulses start, counted from the run of the plan."""
        return [step // 2 for step in self.pulse_steps]

    @property
    def first_step(self) -> int:
        """The step in which the first pulse starts."""
        return self.trains[0].first_step

    @property
    def last_step(self) -> int:
        """The step in which the last pulse starts."""
        return self.trains[-1].last_step

    @property
    def end_step(self) -> int:
        """The step in which the last phase of the last pulse ends."""
        return self.trains[-1].end_step

    @property
    def free_step(self) -> int:
        """The step in which the period of the last pulse ends, so that the channel is idle again."""
        return self.last_step + self.trains[-1].interval_steps - NOTICE_STEPS

    @property
    def charge_nC(self) -> float:
        """The charge moved, either way: the sum of |duration × current| over all phases and pulses."""
        return sum(train.charge_nC for train in self.trains)

    @property
    def net_charge_nC(self) -> float:
        """The charge left behind: the sum of duration × current over all phases and pulses."""
        return sum(train.net_charge_nC for train in self.trains)

    @property
    def rate_hz(self) -> float:
        """The mean rate: pulses per second from the first notice to the end of the last period."""
        return self.pulse_count * STEPS_PER_SECOND / (self.free_step - self.first_step + NOTICE_STEPS)

    @property
    def peak_rate_hz(self) -> float:
        """The rate of the two pulses that are closest to each other; 0 where there is only one."""
        gaps = [train.interval_steps for train in self.trains if train.pulse_count > 1]
        gaps += [
            after.first_step - before.last_step
            for before, after in zip(self.trains, self.trains[1:], strict=False)
        ]
        return STEPS_PER_SECOND / min(gaps) if gaps else 0.0


class PlanPreview:
    """The exact timeline of a plan on idle channels, counted from its run.

    `channels` holds a `ChannelPreview` for each channel that would be given
    pulses, in ascending order; `dropped` how many pulses each grounded channel
    would have got, which reach no electrode; `interrupted` the channels whose
    queues a run cuts off. Its size is that of the plan, not of its bursts.
    `str()` of it is a table.
    """

    __slots__ = ("budget_left", "channels", "dropped", "interrupted")

    channels: Mapping[int, ChannelPreview]
    dropped: Mapping[int, int]
    interrupted: tuple[int, ...]

    def __init__(
        self,
        channels: Mapping[int, ChannelPreview],
        dropped: Mapping[int, int] | None = None,
        interrupted: tuple[int, ...] = (),
    ) -> None:
        self.channels = channels
        self.dropped = {} if dropped is None else dropped
        self.interrupted = interrupted
        self.budget_left: Mapping[int, tuple[StimBudget, Left]] = {}
        """For channels that have budgets, the one of which the least would be left if the plan were run now,
        behind all that is queued, and what; below 0 the run would be refused."""

    @property
    def pulse_count(self) -> int:
        """The number of pulses on all channels."""
        return sum(channel.pulse_count for channel in self.channels.values())

    @property
    def end_step(self) -> int:
        """The step in which the last pulse of all ends; 0 where there is none."""
        return max((channel.end_step for channel in self.channels.values()), default=0)

    @property
    def end_timestamp(self) -> int:
        """The first frame in which all pulses are over."""
        return -(-self.end_step // 2)

    @property
    def charge_nC(self) -> float:
        """The charge moved on all channels, either way."""
        return sum(channel.charge_nC for channel in self.channels.values())

    @property
    def net_charge_nC(self) -> float:
        """The charge left behind on all channels."""
        return sum(channel.net_charge_nC for channel in self.channels.values())

    def __repr__(self) -> str:
        return (
            f"<PlanPreview of {_counted(self.pulse_count, 'pulse')} on "
            f"{_counted(len(self.channels), 'channel')}, "
            f"{self.end_step * STEP_US / 1000:g} ms>"
        )

    def _summary(self) -> str:
        return (
            f"{_counted(self.pulse_count, 'pulse')} on {_counted(len(self.channels), 'channel')}, over after "
            f"{self.end_step * STEP_US / 1000:g} ms (frame {self.end_timestamp}); "
            f"{self.charge_nC:g} nC moved, {self.net_charge_nC:g} nC left"
        )

    def _repr_html_(self) -> str:
        from .plan_picture import shown

        trains = {
            number: [
                (
                    train.first_step,
                    train.pulse_count,
                    train.interval_steps,
                    train.design.duration_us // STEP_US,
                )
                for train in channel.trains
            ]
            for number, channel in self.channels.items()
        }
        return shown(self._summary(), trains, self.end_step)

    def __str__(self) -> str:
        head = "\n".join([self._summary(), *self._others()])
        if not self.channels:
            return head
        rows = [_channel_row(channel) for channel in self.channels.values()]
        trains = [
            _train_row(channel.channel, train)
            for channel in self.channels.values()
            for train in channel.trains
        ]
        tables = (_table(_CHANNEL_HEAD, rows), _table(_TRAIN_HEAD, trains, text_at_end=True))
        return "\n".join([head, "", *tables[0], "", *tables[1]])

    def _others(self) -> Iterator[str]:
        """Yield a line for what a run does beside giving pulses."""
        for channel, (budget, left) in self.budget_left.items():
            rest = _rest(budget, left)
            yield f"channel {channel}: {rest} of its budget left in {budget.window_seconds:g} s"
        if self.dropped:
            pulses = _counted(sum(self.dropped.values()), "pulse")
            yield f"dropped: {pulses}, since {_channels(self.dropped)} grounded"
        if self.interrupted:
            yield f"first {_channels(self.interrupted)} interrupted"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _channels(channels: Collection[int]) -> str:
    listed = ", ".join(map(str, channels))
    return f"channel {listed} is" if len(channels) == 1 else f"channels {listed} are"


_CHANNEL_HEAD = (
    "channel",
    "pulses",
    "first ms",
    "last ms",
    "end ms",
    "mean Hz",
    "peak Hz",
    "nC moved",
    "nC left",
)
_TRAIN_HEAD = ("channel", "pulses", "step", "frame", "every µs", "design")


def _rest(budget: StimBudget, left: Left) -> str:
    """Return in words what is left of a budget."""
    limits = budget.max_rate_hz, budget.max_charge_nC_per_s, budget.max_net_charge_nC
    parts = zip(left, limits, ("Hz", "nC/s", "nC net"), strict=True)
    return ", ".join(f"{rest:.6g} of {limit:g} {unit}" for rest, limit, unit in parts if rest is not None)


def _channel_row(channel: ChannelPreview) -> tuple[str, ...]:
    times = (channel.first_step, channel.last_step, channel.end_step)
    return (
        str(channel.channel),
        str(channel.pulse_count),
        *(f"{step * STEP_US / 1000:.2f}" for step in times),
        f"{channel.rate_hz:.2f}" if channel.pulse_count > 1 else "-",
        f"{channel.peak_rate_hz:.2f}" if channel.peak_rate_hz else "-",
        f"{channel.charge_nC:g}",
        f"{channel.net_charge_nC:g}",
    )


def _train_row(channel: int, train: TrainPreview) -> tuple[str, ...]:
    every = str(train.interval_steps * STEP_US) if train.pulse_count > 1 else "-"
    numbers = (channel, train.pulse_count, train.first_step, train.first_step // 2, every)
    return (*map(str, numbers), repr(train.design))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]], text_at_end: bool = False) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    if text_at_end:
        widths[-1] = 0
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    ]

"""StimDesign and BurstDesign: the shape of a pulse, and how often it comes."""

from __future__ import annotations

from operator import mul
from typing import Final

from cl._values.numbers import decimal, real, single, whole

STEP_US: Final = 20
"""The stimulator's clock: 50 kHz."""
STEPS_PER_SECOND: Final = 1_000_000 // STEP_US
NOTICE_US: Final = 80
"""The notice that every pulse is given before it starts."""
NOTICE_STEPS: Final = NOTICE_US // STEP_US
MIN_PERIOD_STEPS: Final = 5000 // STEP_US
"""The period of a pulse that is in no burst, where its design is not longer: 200 Hz."""
MAX_CURRENT_UA: Final = 3.0
MAX_CHARGE_NC: Final = 3.0
MAX_BURST_HZ: Final = 200
_BALANCED_PC: Final = 1e-6
"""What the sum of a design's phases may be beside zero, in µs × µA: only binary fractions are so small."""


class StimDesign:
    """A pulse of one, two or three phases; it never changes.

    Takes 2, 4 or 6 numbers: the duration in µs and the current in µA of each
    phase. Raises `ValueError`, naming the phase and the limit, unless each
    duration is a positive multiple of 20 µs, |current| is at most 3.0 µA and
    |duration × current| at most 3.0 nC, and neighbouring phases are of opposite
    polarity; `TypeError` for what is no single number. Currents are taken as the
    decimals they print as, so that a charge of exactly 3.0 nC is never refused.
    """

    __slots__ = ("_balanced", "_currents", "_durations", "_period_steps", "_total")

    _durations: tuple[int, ...]
    _currents: tuple[float, ...]
    _balanced: bool
    _total: int
    _period_steps: int

    def __init__(self, *durations_us_and_currents_uA: float) -> None:
        numbers = durations_us_and_currents_uA
        if len(numbers) not in (2, 4, 6):
            raise ValueError(
                f"a StimDesign takes 2, 4 or 6 numbers (duration_us, current_uA, ...), not {len(numbers)}"
            )
        phases = range(1, len(numbers) // 2 + 1)
        self._durations = tuple(_duration(numbers[2 * phase - 2], phase) for phase in phases)
        self._currents = tuple(_current(numbers[2 * phase - 1], phase) for phase in phases)
        for phase in phases:
            _check_charge(self._durations[phase - 1], self._currents[phase - 1], phase)
        for phase in phases[1:]:
            _check_polarity(self._currents[phase - 2], self._currents[phase - 1], phase)
        self._total = sum(self._durations)
        self._period_steps = max(MIN_PERIOD_STEPS, NOTICE_STEPS + self._total // STEP_US)
        self._balanced = -_BALANCED_PC < sum(map(mul, self._durations, self._currents)) < _BALANCED_PC

    @property
    def duration_us(self) -> int:
        """The duration of the whole pulse in µs."""
        return self._total

    @property
    def phase_durations_us(self) -> tuple[int, ...]:
        """The duration of each phase in µs."""
        return self._durations

    @property
    def phase_currents_uA(self) -> tuple[float, ...]:
        """The current of each phase in µA."""
        return self._currents

    @property
    def net_charge_nC(self) -> float:
        """The charge that a pulse leaves behind: the sum of duration × current over its phases, in nC."""
        phases = zip(self._durations, self._currents, strict=True)
        return float(sum(duration * decimal(current) for duration, current in phases)) / 1000

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StimDesign):
            return NotImplemented
        return self._durations == other._durations and self._currents == other._currents

    def __hash__(self) -> int:
        return hash((StimDesign, self._durations, self._currents))

    def __repr__(self) -> str:
        phases = zip(self._durations, self._currents, strict=True)
        return f"StimDesign({', '.join(f'{duration}, {current}' for duration, current in phases)})"

    def _repr_html_(self) -> str:
        from .design_picture import shown

        return shown(repr(self), self._durations, self._currents)

    def __reduce__(self) -> tuple[type[StimDesign], tuple[float, ...]]:
        phases = zip(self._durations, self._currents, strict=True)
        return StimDesign, tuple(number for phase in phases for number in phase)


class BurstDesign:
    """A burst of `burst_count` pulses at `burst_hz`; it never changes.

    `burst_count` is an int ≥ 0, `burst_hz` a number, 0 < hz ≤ 200. The interval
    between pulses is 1e6 / hz µs, rounded to the nearest 20 µs, halves up, with
    hz taken as the decimal it prints as. Raises `ValueError` and `TypeError`.
    """

    __slots__ = ("_count", "_hz", "_interval_steps")

    _count: int
    _hz: float
    _interval_steps: int

    def __init__(self, burst_count: int, burst_hz: float) -> None:
        count = whole(burst_count, "burst_count")
        if count < 0:
            raise ValueError(f"burst_count must be at least 0, not {count}")
        hz = real(burst_hz, "burst_hz")
        if not 0 < hz <= MAX_BURST_HZ:
            raise ValueError(f"burst_hz must be above 0 and at most {MAX_BURST_HZ}, not {burst_hz}")
        self._count = count
        self._hz = int(hz) if hasattr(single(burst_hz), "__index__") else hz
        self._interval_steps = _interval_steps(hz)

    @property
    def burst_count(self) -> int:
        """The number of pulses."""
        return self._count

    @property
    def burst_hz(self) -> float:
        """The rate asked for, in pulses per second."""
        return self._hz

    @property
    def interval_us(self) -> int:
        """The time from one pulse to the next in µs, a multiple of 20."""
        return self._interval_steps * STEP_US

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BurstDesign):
            return NotImplemented
        return self._count == other._count and self._hz == other._hz

    def __hash__(self) -> int:
        return hash((BurstDesign, self._count, self._hz))

    def __repr__(self) -> str:
        return f"BurstDesign({self._count}, {self._hz})"

    def __reduce__(self) -> tuple[type[BurstDesign], tuple[int, float]]:
        return BurstDesign, (self._count, self._hz)


def _duration(value: object, phase: int) -> int:
    number = real(value, f"the duration of phase {phase}")
    if not (number > 0 and number % STEP_US == 0):
        raise ValueError(f"phase {phase}: duration {value} µs is not a positive multiple of {STEP_US} µs")
    return int(number)


def _current(value: object, phase: int) -> float:
    number = real(value, f"the current of phase {phase}")
    if not -MAX_CURRENT_UA <= number <= MAX_CURRENT_UA:
        raise ValueError(f"phase {phase}: current {value} µA is beyond the limit of {MAX_CURRENT_UA} µA")
    return number


def _check_charge(duration_us: int, current_uA: float, phase: int) -> None:
    limit = MAX_CHARGE_NC * 1000
    charge = abs(duration_us * current_uA)
    # Where the limit is near, the decimals decide, not their binary neighbours.
    if charge > limit * 0.999 and abs(duration_us * decimal(current_uA)) > limit:
        raise ValueError(
            f"phase {phase}: {duration_us} µs × {current_uA} µA is a charge of {charge / 1000:.6g} nC, "
            f"beyond the limit of {MAX_CHARGE_NC} nC"
        )


def _check_polarity(before_uA: float, current_uA: float, phase: int) -> None:
    if not (before_uA < 0 < current_uA or current_uA < 0 < before_uA):
        # Adding 0.0 takes the sign off a zero.
        raise ValueError(
            f"phase {phase}: current {current_uA + 0.0} µA is not of the opposite polarity to "
            f"the {before_uA + 0.0} µA of phase {phase - 1}; neighbouring phases must be, and 0 µA is of none"
        )


def _interval_steps(hz: float) -> int:
    numerator, denominator = decimal(hz).as_integer_ratio()
    return (2 * STEPS_PER_SECOND * denominator + numerator) // (2 * numerator)

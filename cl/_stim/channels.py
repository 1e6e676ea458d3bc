"""ChannelSet: the channels that a stimulation command is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from cl._values.numbers import kind, whole

CHANNEL_COUNT: Final = 64
_ALL: Final = (1 << CHANNEL_COUNT) - 1
_MOST_WRITTEN: Final = 16


class ChannelSet:
    """A set of channels, 0 to 63; it never changes.

    Takes ints and iterables of ints (numpy ones too). The operators `& | ^ ~`,
    their in-place forms and `==` take a ChannelSet, an int or an iterable of
    ints on the other side; an in-place form binds the name to a new set.

    Raises `TypeError` for floats, strings, bools and nested iterables, and
    `ValueError` for a channel out of range. The hash is that of the set, not
    that of an int or tuple it compares equal to.
    """

    __slots__ = ("_channels", "_mask")

    _channels: tuple[int, ...]
    _mask: int

    # Makes numpy scalars and arrays leave an operator to this class.
    __array_ufunc__ = None

    def __init__(self, *channels: int | Iterable[int]) -> None:
        mask = 0
        for item in channels:
            mask |= _mask_of(item)
        self._mask = mask
        self._channels = _numbers_in(mask)

    @classmethod
    def _of(cls, mask: int) -> ChannelSet:
        self = cls.__new__(cls)
        self._mask = mask
        self._channels = _numbers_in(mask)
        return self

    def __and__(self, other: ChannelOperand) -> ChannelSet:
        return self._of(self._mask & _mask_of(other))

    def __or__(self, other: ChannelOperand) -> ChannelSet:
        return self._of(self._mask | _mask_of(other))

    def __xor__(self, other: ChannelOperand) -> ChannelSet:
        return self._of(self._mask ^ _mask_of(other))

    __rand__ = __and__
    __ror__ = __or__
    __rxor__ = __xor__

    def __invert__(self) -> ChannelSet:
        return self._of(self._mask ^ _ALL)

    def __iter__(self) -> Iterator[int]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    def __contains__(self, channel: object) -> bool:
        try:
            return bool(self._mask & _bit(channel))
        except (TypeError, ValueError):
            return False

    def __eq__(self, other: object) -> bool:
        try:
            return self._mask == _mask_of(other)
        except TypeError:
            return NotImplemented
        except ValueError:
            return False

    def __hash__(self) -> int:
        return hash((ChannelSet, self._mask))

    def __repr__(self) -> str:
        return f"ChannelSet({', '.join(map(str, self._channels))})"

    def __reduce__(self) -> tuple[type[ChannelSet], tuple[int, ...]]:
        return ChannelSet, self._channels


ChannelOperand: TypeAlias = "ChannelSet | int | Iterable[int]"

_ALONE: Final = tuple((channel,) for channel in range(CHANNEL_COUNT))


def channels_of(channel_set: object) -> tuple[int, ...]:
    """Return the channels that a command is for, ascending: of a ChannelSet, or the one of an int.

    Raises `TypeError` for anything else, `ValueError` for an int out of range.
    """
    if type(channel_set) is ChannelSet:
        return channel_set._channels
    if type(channel_set) is int and 0 <= channel_set < CHANNEL_COUNT:
        return _ALONE[channel_set]
    if isinstance(channel_set, ChannelSet):
        return channel_set._channels
    try:
        return _ALONE[_in_range(whole(channel_set, "channel_set"))]
    except TypeError:
        raise TypeError(
            f"channel_set must be a ChannelSet or an int, not {kind(channel_set)}{_meant(channel_set)}"
        ) from None


def _meant(channel_set: object) -> str:
    """Return the set that an iterable of channels is taken for, or nothing where it is none."""
    try:
        found = ChannelSet(channel_set)  # type: ignore[arg-type]  # that is what is tried
    except (TypeError, ValueError):
        return ""
    return f": write {found}" if len(found) <= _MOST_WRITTEN else ": write ChannelSet(...)"


def _numbers_in(mask: int) -> tuple[int, ...]:
    if mask == _ALL:
        return tuple(range(CHANNEL_COUNT))
    channels = []
    while mask:
        lowest = mask & -mask
        channels.append(lowest.bit_length() - 1)
        mask ^= lowest
    return tuple(channels)


def _mask_of(item: object) -> int:
    if isinstance(item, ChannelSet):
        return item._mask
    if isinstance(item, int) or not isinstance(item, Iterable) or getattr(item, "shape", None) == ():
        return _bit(item)
    if isinstance(item, (str, bytes, bytearray)):
        raise TypeError(f"a channel must be an integer, not {kind(item)}")
    mask = 0
    for channel in item:
        mask |= _bit(channel)
    return mask


def _bit(channel: object) -> int:
    return 1 << _in_range(whole(channel, "a channel"))


def _in_range(channel: int) -> int:
    if not 0 <= channel < CHANNEL_COUNT:
        raise ValueError(f"channel {channel} is out of range: channels are 0 to {CHANNEL_COUNT - 1}")
    return channel

"""Stims, bursts and channels take what is a single number: numpy's scalars and arrays without dimensions."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np

import cl


def told(make: Callable[..., object], *arguments: object) -> str:
    try:
        return repr(make(*arguments))
    except (TypeError, ValueError) as error:
        return type(error).__name__


for current in (np.array(1.0), np.float64(1.0), np.float32(1.0), np.int64(1), 1):
    print(told(cl.StimDesign, 160, -current, 160, current))
for duration in (np.array(160), np.int64(160), np.float64(160.0), 160.0):
    print(told(cl.StimDesign, duration, -1.0, duration, 1.0))
for count, hz in ((np.int64(3), np.float64(50.0)), (np.array(3), np.array(50)), (3, np.float32(50.0))):
    print(told(cl.BurstDesign, count, hz))
for channels in ((np.int64(8),), (np.array([8, 9]),), ([8, np.uint8(9)],)):
    print(told(cl.ChannelSet, *channels))
print(told(cl.StimDesign, 160, Decimal("-1.5"), 160, Fraction(3, 2)))
print([told(cl.StimDesign, 160, wrong) for wrong in ("1.0", None, [1.0], np.array([1.0, 2.0]))])

# prints:
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   StimDesign(160, -1.0, 160, 1.0)
#   BurstDesign(3, 50.0)
#   BurstDesign(3, 50)
#   BurstDesign(3, 50.0)
#   ChannelSet(8)
#   ChannelSet(8, 9)
#   ChannelSet(8, 9)
#   StimDesign(160, -1.5, 160, 1.5)
#   ['TypeError', 'TypeError', 'TypeError', 'TypeError']
# cl-sdk prints:
#   StimDesign(160, np.float64(-1.0), 160, array(1.))
#   StimDesign(160, np.float64(-1.0), 160, np.float64(1.0))
#   StimDesign(160, np.float32(-1.0), 160, np.float32(1.0))
#   StimDesign(160, np.int64(-1), 160, np.int64(1))
#   StimDesign(160, -1, 160, 1)
#   StimDesign(array(160), -1.0, array(160), 1.0)
#   StimDesign(np.int64(160), -1.0, np.int64(160), 1.0)
#   StimDesign(np.float64(160.0), -1.0, np.float64(160.0), 1.0)
#   StimDesign(160.0, -1.0, 160.0, 1.0)
#   ValueError
#   ValueError
#   ValueError
#   TypeError
#   TypeError
#   TypeError
#   StimDesign(160, Decimal('-1.5'), 160, Fraction(3, 2))
#   ['TypeError', 'TypeError', 'TypeError', 'ValueError']
# because: designs hold plain numbers in ours, and bursts and channels take what stims take

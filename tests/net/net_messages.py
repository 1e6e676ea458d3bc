"""Messages of the network protocol, as hypothesis draws them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from cl._stim.channels import ChannelSet
from cl._stim.designs import BurstDesign, StimDesign
from cl._stim.operations import interrupt_operations, stim_operations, sync_operations
from cl.net.wire.commands import Answer, ControlRequest
from cl.net.wire.data import Data, Events
from cl.net.wire.layout import Action, Capability, Fault, Outcome, Wanted
from cl.net.wire.small import Lag, Pong, Subscription
from cl.net.wire.texts import Hello, State, Welcome

frames = st.integers(0, (1 << 62) - 1)
stamps = st.integers(-(1 << 62), 1 << 62)
texts = st.text(max_size=200)
ids = st.text("0123456789abcdef", min_size=32, max_size=32)
capabilities = st.integers(0, 15).map(Capability)
channels = st.lists(st.integers(0, 63), min_size=1, max_size=8).map(ChannelSet)
durations = st.integers(1, 40).map(lambda n: 20 * n)
designs = st.one_of(
    st.builds(StimDesign, durations, st.floats(-3, 3)),
    st.builds(lambda d, c: StimDesign(d, -c, d, c), durations, st.floats(0.01, 3)),
    st.builds(lambda d, c: StimDesign(d, -c, d, c, d, -c), durations, st.floats(0.01, 3)),
)
bursts = st.one_of(st.none(), st.builds(BurstDesign, st.integers(0, 1 << 40), st.floats(0.001, 200)))
operations = st.lists(
    st.one_of(
        st.builds(stim_operations, channels, designs, bursts, st.integers(4, 1000).map(lambda n: n * 20)),
        st.builds(interrupt_operations, channels),
        st.builds(sync_operations, channels),
    ),
    min_size=1,
    max_size=6,
).map(lambda found: [operation for each in found for operation in each])


@st.composite
def datas(draw: st.DrawFn) -> Data:
    """Draw what may happen in some frames."""
    start, count = draw(st.integers(0, 1 << 50)), draw(st.integers(1, 100))
    samples = np.random.default_rng(draw(st.integers(0, 99))).integers(-32768, 32767, (count, 64), np.int16)
    events = st.lists(st.tuples(st.integers(start, start + count - 1), st.integers(0, 63)), max_size=20).map(
        sorted
    )
    spikes, stims = draw(events), draw(events)
    return Data(
        start,
        start + count,
        draw(st.sampled_from([None, samples])),
        Events([time for time, _ in spikes], [channel for _, channel in spikes]),
        Events([time for time, _ in stims], [channel for _, channel in stims]),
        [draw(st.one_of(st.none(), designs)) for _ in stims],
    )


wanted = st.integers(0, 3).map(Wanted)
subscriptions = st.builds(
    Subscription, wanted, st.one_of(st.none(), frames), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)
)
counts = st.integers(0, 1 << 40)
lags = st.builds(
    lambda start, size, *rest: Lag(start, start + size, *rest),
    *(counts, st.integers(1, 1 << 40), counts, counts, counts, st.booleans()),
)
pongs = st.builds(
    lambda sent, came, spent, *rest: Pong(sent, came, came + spent, *rest),
    *(stamps, stamps, st.integers(0, 1 << 40), frames, stamps, st.integers(-1, 1 << 40)),
)
answers = st.builds(Answer, st.integers(1, 1 << 60), st.sampled_from(Outcome), frames, texts)
requests = st.builds(ControlRequest, st.integers(1, 1 << 60), st.sampled_from(Action))
faults = st.tuples(st.sampled_from(Fault), texts)
hellos = st.builds(
    Hello,
    *(st.tuples(st.integers(0, 9), st.integers(0, 9)), capabilities, ids, texts, st.one_of(st.none(), ids)),
)
states = st.builds(
    State,
    *(st.sampled_from(["running", "stopped", "failed"]), st.one_of(st.none(), texts), st.booleans(), texts),
)
milliseconds = st.integers(1, 3_600_000)
welcomes = st.builds(
    Welcome,
    *(ids, st.booleans(), capabilities, texts, st.integers(1, 99), st.integers(1, 99_999)),
    *(st.floats(0.001, 999), frames, frames, frames, frames, st.integers(1, 9_999)),
    *(milliseconds, milliseconds, milliseconds, st.dictionaries(texts, texts, max_size=4), states),
)

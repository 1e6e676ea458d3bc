"""The simulated device: a dish, and what is around it in small parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._core.on_demand import OnDemand

from .acquisition import FixedAcquisition, StreamedAcquisition
from .control import SimulatedControl
from .dish import LoggedDish
from .stimulator import SimulatedStimulator

if TYPE_CHECKING:
    from cl._core.device import DeviceInfo
    from cl._core.engine import Engine
    from cl._core.source import FixedSource, ServedSource
    from cl._stim.limits import StimLimits

    from .timebase import Timing


class _SimulatedDevice:
    """What both kinds of simulated device share: all but what they sense."""

    control: SimulatedControl
    dish: LoggedDish
    stimulator: SimulatedStimulator

    def __init__(self, info: DeviceInfo, limits: StimLimits, timing: Timing) -> None:
        self.info = info
        self._limits = limits
        self._timing = timing

    def attach(self, engine: Engine) -> None:
        """Take the engine that is to be told of what happens, and give it its time."""
        self.dish = dish = LoggedDish(self._limits, engine.history)
        self._sense(engine)
        self.control = SimulatedControl(engine)
        self.stimulator = SimulatedStimulator(engine, dish)
        engine.time = self._timing(engine)

    def disown(self) -> None:
        """Do nothing: a fork has a copy of all that there is."""

    def _sense(self, engine: Engine) -> None:
        """Make the part that senses."""
        raise NotImplementedError


class FixedDevice(_SimulatedDevice):
    """A simulated device over data that nothing a program does can change.

    Spikes are logged ahead of time and frames are made only when somebody looks at them.
    """

    acquisition: FixedAcquisition

    def __init__(self, info: DeviceInfo, source: FixedSource, limits: StimLimits, timing: Timing) -> None:
        super().__init__(info, limits, timing)
        self._source = source

    def attach(self, engine: Engine) -> None:
        super().attach(engine)
        engine.supply = OnDemand(engine, self)

    def _sense(self, engine: Engine) -> None:
        self.acquisition = FixedAcquisition(self.dish, self._source)

    def open(self) -> None:
        self._source.open()

    def close(self) -> None:
        self._source.close()

    def produce(self, start: int, stop: int) -> None:
        """Log what happens in [start, stop)."""
        self.dish.deliver(stop)
        self.foresee(stop)

    def foresee(self, stop: int) -> None:
        """Log the spikes before `stop`, and some more."""
        if stop > self.acquisition.known:
            self.acquisition.log_until(stop)

    def quiet_until(self) -> int:
        """Return up to where there is nothing to log."""
        return min(self.acquisition.known, self.dish.sequencer.next_step >> 1)


class StreamedDevice(_SimulatedDevice):
    """A simulated device over data that is made window after window, perhaps in answer to stims.

    `cl._wait.source_pump` asks the source, which may take its time.
    """

    acquisition: StreamedAcquisition

    def __init__(self, info: DeviceInfo, source: ServedSource, limits: StimLimits, timing: Timing) -> None:
        super().__init__(info, limits, timing)
        self.source = source

    def _sense(self, engine: Engine) -> None:
        self.acquisition = StreamedAcquisition(engine, self.dish, self.source)

    def open(self) -> None:
        self.source.open()
        self.acquisition.open()

    def close(self) -> None:
        try:
            self.source.close()
        finally:
            self.acquisition.close()

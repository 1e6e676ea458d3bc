"""The exceptions of the `cl` package.

Every error names the value that was refused and the limit it broke.
"""

from __future__ import annotations


class ControlRequestError(RuntimeError):
    """Control of the device was asked for and refused; the text names the holder."""


class ControlRequiredError(RuntimeError):
    """A command that changes the device was given without control of it."""


class DeviceDisconnectedError(RuntimeError):
    """The device is gone: it was closed, it failed, or its data source ended."""


class TransactionRejected(RuntimeError):
    """A stimulation command or plan was refused whole; nothing was queued."""


class ChannelQueueFull(TransactionRejected):
    """A channel would hold more operations than it may have queued and not begun."""


class SyncLimitExceeded(TransactionRejected):
    """More syncs would be in flight than the device holds."""


class RunTimestampOrderError(TransactionRejected):
    """A plan was to run in the future, but before a plan that is already waiting."""


class DeferredInterruptLimitExceeded(TransactionRejected):
    """More interrupts would wait for a future time than the device holds."""


class StimulationSuspended(TransactionRejected):
    """The watchdog has ended stimulation; `neurons.resume_stimulation()` lets it go on."""


class StimBudgetExceeded(TransactionRejected):
    """A channel would get more stimulation than its budget has.

    `channel`; `limit_name` ("max_rate_hz", "max_charge_nC_per_s" or "max_net_charge_nC"), `limit` and
    `figure`, what it would come to; `window_seconds`.
    """

    def __init__(
        self, channel: int, limit_name: str, figure: float, limit: float, unit: str, window_seconds: float
    ) -> None:
        super().__init__(
            f"channel {channel} would get {figure:.9g} {unit} in {window_seconds:g} s; its budget is "
            f"{limit_name}={limit:.9g}"
        )
        self.channel = channel
        self.limit_name = limit_name
        self.figure = figure
        self.limit = limit
        self.unit = unit
        self.window_seconds = window_seconds

    def __reduce__(self) -> tuple[type[StimBudgetExceeded], tuple[int, str, float, float, str, float]]:
        parts = self.channel, self.limit_name, self.figure, self.limit, self.unit, self.window_seconds
        return type(self), parts


class RecordingFailedError(RuntimeError):
    """A recording ended early because of an error; what was written stays readable."""


class WsApiError(RuntimeError):
    """The visualisation server refused or failed a request."""


class UnsafeOperationError(RuntimeError):
    """A file asked for something that could execute code; it was not done."""


class LaggedError(RuntimeError):
    """A wall-clock subscriber fell behind the history.

    `missed` is the number of events (or frames) that it can no longer have.
    """

    def __init__(self, message: str, missed: int) -> None:
        super().__init__(message)
        self.missed = missed

    def __reduce__(self) -> tuple[type[LaggedError], tuple[str, int]]:
        return type(self), (str(self), self.missed)

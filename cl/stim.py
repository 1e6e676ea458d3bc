"""The values of stimulation: channel sets, designs, and plans."""

from __future__ import annotations

from ._stim.channels import ChannelSet
from ._stim.designs import BurstDesign, StimDesign
from ._stim.operations import (
    InterruptOperation,
    Operation,
    StimOperation,
    SyncOperation,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)
from ._stim.plan import StimPlan
from ._stim.preview import ChannelPreview, PlanPreview, TrainPreview

__all__ = [
    "BurstDesign",
    "ChannelPreview",
    "ChannelSet",
    "InterruptOperation",
    "Operation",
    "PlanPreview",
    "StimDesign",
    "StimOperation",
    "StimPlan",
    "SyncOperation",
    "TrainPreview",
    "interrupt_operations",
    "interrupt_then_stim_operations",
    "stim_operations",
    "sync_operations",
]

"""The values of stimulation: channel sets, designs, and plans."""

from __future__ import annotations

from ._stim_channels import ChannelSet
from ._stim_designs import BurstDesign, StimDesign
from ._stim_operations import (
    InterruptOperation,
    Operation,
    StimOperation,
    SyncOperation,
    interrupt_operations,
    interrupt_then_stim_operations,
    stim_operations,
    sync_operations,
)
from ._stim_plan import StimPlan
from ._stim_preview import ChannelPreview, PlanPreview, TrainPreview

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

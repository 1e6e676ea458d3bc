"""The array: 8 × 8 electrodes, channel = row + 8 · column."""

from __future__ import annotations

from typing import Any

from cl.interop.electrodes import positions, roles
from cl.interop.recorded import Recorded

from .file_metadata import is_simulated


def add(file: Any, recorded: Recorded, location: str, pitch_um: float) -> None:
    """Add the device and its electrodes, whose ids are the channels."""
    what = "Simulator of a CL1" if is_simulated(recorded) else "CL1"
    model = file.create_device_model(name="CL1 model", manufacturer="Cortical Labs", model_number="CL1")
    device = file.create_device(
        name="CL1",
        model=model,
        description=f"{what}: 64 channels, 8 x 8, on which a culture is recorded and stimulated.",
    )
    group = file.create_electrode_group(
        name="array",
        description=(
            "8 x 8 electrodes, channel = row + 8 * column. rel_x is column * pitch, rel_y row * pitch, um; "
            f"the pitch of {pitch_um:g} um is nominal, not measured."
        ),
        location=location,
        device=device,
    )
    file.add_electrode_column("channel_name", "The channel, by which the recording calls the electrode.")
    file.add_electrode_column("role", "ground (always zero, never stimulated), reference, or electrode.")
    for channel, ((x, y), role) in enumerate(zip(positions(pitch_um), roles(), strict=True)):
        file.add_electrode(
            id=channel,
            location=location,
            group=group,
            rel_x=x,
            rel_y=y,
            channel_name=str(channel),
            role=role,
        )


def region(file: Any, channels: list[int], description: str) -> Any:
    """Return the electrodes of these channels."""
    return file.create_electrode_table_region(channels, description)

"""The hardware: the wire layout, the driver that follows a device's interrupts, and an emulator of one."""

"""The driver: it follows a device's interrupts and gives it commands."""

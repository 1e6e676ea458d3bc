"""The ground floor: numbers, rates and the constants of the device."""

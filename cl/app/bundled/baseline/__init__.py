"""The bundled application `baseline`."""

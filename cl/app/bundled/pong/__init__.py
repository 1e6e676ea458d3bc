"""The bundled application `pong`."""

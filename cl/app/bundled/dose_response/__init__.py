"""The bundled application `dose_response`."""

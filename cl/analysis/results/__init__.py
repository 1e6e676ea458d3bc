"""What the metrics return: pydantic models that are saved, loaded, compared and drawn."""

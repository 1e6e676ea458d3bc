"""A configuration's way from what a file holds to an instance of the application's class."""

from __future__ import annotations

from typing import Any

from .base import BaseApplication


def migrated(application: BaseApplication[Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration as one of now; the same one where there is nothing to do."""
    found = application.migrate_config(data)
    return found if isinstance(found, dict) else data


def validated(application: BaseApplication[Any], data: dict[str, Any]) -> Any:
    """Return the instance for what a file holds, migrated first; `ValidationError` for what is none."""
    config_class = application.config_class()
    return config_class.model_validate(migrated(application, data))

"""BaseApplication and BaseApplicationConfig: what an application defines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from .model import DurationSeconds, Field, FrozenBaseModel
from .summary import RunSummary

Config = TypeVar("Config", bound="BaseApplicationConfig")


class BaseApplicationConfig(FrozenBaseModel):
    """The configuration of a run. Subclasses add fields, which stand after these."""

    name: str = Field(
        title="Configuration Name",
        description="Name to identify the configuration.",
        min_length=1,
        max_length=250,
        pattern=r"^[\w-]+(?:\s[\w-]+)*$",
        json_schema_extra={"format": "grid-break"},
    )
    timeout_s: DurationSeconds = Field(
        default=43_200,
        title="Timeout",
        description="Maximum allowed duration of the application run in seconds, after which it will be "
        "forcefully stopped. If set to 0, the application will run until completion.",
        gt=-1,
    )
    config_version: int = Field(
        default=0,
        title="Config Version",
        description="Version number of the configuration. This is used for compatibility checks when loading "
        "configurations, and should be incremented when making breaking changes to the configuration schema.",
        ge=0,
        json_schema_extra={"readOnly": True},
    )

    def estimate_duration_s(self) -> float | None:
        """Return how long a run will take, in seconds; None: it cannot be said."""
        return None


class BaseApplication(ABC, Generic[Config]):
    """An application: `src/__init__.py` of its folder names an instance `application`."""

    @abstractmethod
    def run(self, config: Config, output_directory: str) -> RunSummary | None:
        """Run it once; what it writes goes into `output_directory`, which is there."""

    @staticmethod
    @abstractmethod
    def config_class() -> type[Config]:
        """Return the class of its configurations."""

    @staticmethod
    def migrate_config(config_dict: dict[str, Any]) -> dict[str, Any] | None:
        """Return a configuration of an older version as one of now, not validated; None: nothing to do."""
        return None

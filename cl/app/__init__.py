"""Applications: an experiment as a folder that is configured by a model, run, and packed into one file.

`python -m cl.app.init`, `run` and `pack` are the commands; docs/applications.md says how they go together.
Needs pydantic, the extra `app`; importing this loads nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cl._values.lazy import lazy_names

if TYPE_CHECKING:
    from . import init as init
    from . import model as model
    from . import pack as pack
    from . import run as run
    from . import util as util
    from .base import BaseApplication, BaseApplicationConfig
    from .summary import OutputType, RunSummary

__all__ = [
    "BaseApplication",
    "BaseApplicationConfig",
    "OutputType",
    "RunSummary",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "BaseApplication": ".base",
        "BaseApplicationConfig": ".base",
        "OutputType": ".summary",
        "RunSummary": ".summary",
    },
    {"init", "model", "pack", "run", "util"},
)

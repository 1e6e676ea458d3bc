"""`python -m cl.app.init [DIR]`: a folder with an application that can be run, packed, and changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Final

from cl._values.printing import printable, settle_stdout
from cl._values.saying import say

from .folder_argument import folder_argument
from .project import Project

USAGE: Final = "Usage: python -m cl.app.init [target_directory]"
_ENTRY: Final = """\
from .app import MyApplication

application = MyApplication()
"""
_APP: Final = '''\
from typing import Annotated

from cl.app import BaseApplication, BaseApplicationConfig, OutputType, RunSummary
from cl.app.model import DurationSeconds
from pydantic import Field


class MyApplicationConfig(BaseApplicationConfig):
    """Configuration for MyApplication."""

    # An example of a field: replace it with your own.
    duration: Annotated[
        DurationSeconds,
        Field(title="Duration", description="Duration of the application run in seconds.", default=60),
    ]

    def estimate_duration_s(self) -> float:
        return self.duration


class MyApplication(BaseApplication[MyApplicationConfig]):
    """My custom application."""

    def run(self, config: MyApplicationConfig, output_directory: str) -> RunSummary | None:
        # What the application does comes here: with cl.open() as neurons: ...
        return RunSummary(type=OutputType.TEXT, content="Application completed successfully.")

    @staticmethod
    def config_class() -> type[MyApplicationConfig]:
        return MyApplicationConfig
'''
_INFO: Final = {
    "name": "My Application",
    "version": "0.1.0",
    "description": "A brief description of what this application does.",
    "author": "Your Name",
    "config_version": 1,
}
_DEFAULT: Final = {"name": "Default", "timeout_s": 43_200}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the folder; return 0, or 1 for an error that is told."""
    folder = folder_argument(arguments, USAGE, __doc__)
    if isinstance(folder, int):
        return folder
    project = Project(folder)
    try:
        project.folder.mkdir(parents=True, exist_ok=True)
        if any(project.folder.iterdir()):
            say(f"Error: Target directory '{printable(str(project.folder))}' is not empty.")
            return 1
        _make(project)
    except OSError as error:
        say(f"Error: {printable(str(error))}")
        return 1
    print(
        f"\nApplication skeleton created in: {printable(str(project.folder))}\n\nNext steps:\n"
        "  1. Edit info.json with your application details\n"
        "  2. Modify src/app.py with your application logic\n"
        "  3. Update default.json with your default configuration values\n"
        "  4. Run 'python -m cl.app.pack' to package for installation"
    )
    return 0


def _make(project: Project) -> None:
    texts = {
        project.info: json.dumps(_INFO, indent=4) + "\n",
        project.default: json.dumps(_DEFAULT, indent=4) + "\n",
        project.entry: _ENTRY,
        project.source / "app.py": _APP,
    }
    for folder in (project.source, project.web, project.presets):
        folder.mkdir()
    for path, text in texts.items():
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        print(f"Created: {printable(str(path))}")


if __name__ == "__main__":
    settle_stdout()
    sys.exit(main())

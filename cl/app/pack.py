"""`python -m cl.app.pack [DIR]`: check an application's folder, and pack it into one file beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from cl._values.printing import printable, settle_stdout
from cl._values.saying import say

from . import checks
from .archive import files_of, write_archive
from .folder_argument import folder_argument
from .loading import imported_aside
from .project import Project

USAGE: Final = "Usage: python -m cl.app.pack [target_directory]"
_LARGE: Final = 1 << 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Check and pack; return 0, or 1 for errors, which are told."""
    folder = folder_argument(arguments, USAGE, __doc__)
    if isinstance(folder, int):
        return folder
    project = Project(folder)
    if not project.folder.is_dir():
        what = "is not a directory" if project.folder.exists() else "does not exist"
        say(f"Error: Target directory {what}: {printable(str(project.folder))}")
        return 1
    print(f"Validating application: {printable(str(project.folder))}")
    try:
        return _pack(project) if _is_fine(project) else 1
    except (OSError, UnicodeEncodeError) as error:
        say(f"Error: {printable(str(error))}")
        return 1


def _is_fine(project: Project) -> bool:
    found: list[Any] = []
    steps: dict[str, Callable[[Project], Iterable[str]]] = {
        "Folder name": checks.folder_name,
        "Structure": checks.structure,
        "info.json": checks.info,
        "Web visualisation": checks.web,
        "Import": partial(checks.source, found=found),
        "Configuration": lambda _: checks.configurations(project, found[0]),
    }
    with imported_aside(project):
        for name, check in steps.items():
            errors = [*check(project)]
            if errors:
                sys.stdout.flush()
                say(f"Error: {name} validation failed:")
                for error in errors:
                    say(f"  - {error}")
                return False
            if check is checks.folder_name and project.id.startswith("cl-"):
                say(f"Warning: {project.id}: the prefix 'cl-' is reserved")
            print(f"  ✓ {name} validation passed")
    return True


def _pack(project: Project) -> int:
    target = project.folder.parent / f"{project.id}.zip"
    print(f"\nPackaging to: {printable(str(target))}")
    files = [*files_of(project.folder)]
    size = sum(path.stat().st_size for path in files)
    write_archive(project, files)
    print(f"  ✓ Packaged {len(files)} files")
    if size > _LARGE:
        say(f"Warning: the application has {size / _LARGE:.1f} GiB; a device takes up to 100 MB")
    print(f"\nDone! Package created: {printable(str(target))}")
    return 0


if __name__ == "__main__":
    settle_stdout()
    sys.exit(main())

"""What is run: an application's folder, or one that comes with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from .project import Project, ProjectError, read_object

BUNDLED: Final = Path(__file__).parent / "bundled"


def bundled() -> dict[str, Project]:
    """Return the applications that come with the package, by name."""
    folders = sorted(BUNDLED.iterdir()) if BUNDLED.is_dir() else []
    return {folder.name: Project(folder) for folder in folders if (folder / "info.json").is_file()}


def described() -> dict[str, str]:
    """Return what each of them says that it does."""
    return {
        name: str(read_object(project.info).get("description", "")) for name, project in bundled().items()
    }


def find_project(target: str) -> Project:
    """Return a folder's project, or the bundled one of that name; `ProjectError` where there is neither."""
    if Path(target).is_dir():
        return Project(target)
    found = bundled().get(target)
    if found is None:
        what = "is not a directory" if Path(target).exists() else "does not exist"
        raise ProjectError(f"Target directory {what}: {target}")
    return found


def find_configuration(project: Project, file: str) -> Path:
    """Return the file, or of a bundled application its own of that name: `default.json`, a preset's."""
    path = Path(file)
    if path.is_file() or path.is_absolute() or project.folder.parent != BUNDLED:
        return path
    within = (own for own in project.configurations() if own.name == file)
    return next(within, path)

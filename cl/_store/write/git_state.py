"""What git knows of the directory a recording was started from, read from its files.

No program is started: git may be absent, slow, or configured to run others.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import Final

UNKNOWN_STATUS = "unknown"
"""Whether files were changed since the commit is not looked at: it would mean reading them all."""
_OBJECT: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""SHA-1 and SHA-256."""
_LONGEST_CHAIN: Final = 5
"""References that lead to one another; git's own limit."""
_HEAD: Final = 512
"""Bytes of an object that are read."""


def git_state(directory: Path) -> dict[str, str]:
    """Return `git_hash git_branch git_tags git_status` of the checkout that the directory is in.

    All are empty where it is in none; `git_branch` also with a detached head,
    `git_tags` without a tag on the commit (several are separated by commas).
    `git_status` is "unknown" in a checkout. All are empty, too, where the repository keeps its references in
    another form than files (reftable), or anything is not as expected: rather nothing than a wrong name.
    """
    try:
        found = _git_directory(directory.absolute())
        if found is not None:
            return _state(found)
    except (OSError, ValueError):
        pass
    return {"git_hash": "", "git_branch": "", "git_tags": "", "git_status": ""}


def _git_directory(directory: Path) -> Path | None:
    given = os.environ.get("GIT_DIR")
    if given:  # as git itself does
        return directory / given
    ceilings = {
        Path(path) for path in os.environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep) if path
    }
    for parent in (directory, *directory.parents):
        if parent in ceilings and parent != directory:  # as git itself does, too
            return None
        git = parent / ".git"
        if git.is_dir():
            return git
        if git.is_file():  # a worktree or submodule: "gitdir: PATH"
            return parent / git.read_text().removeprefix("gitdir:").strip()
    return None


def _state(git: Path) -> dict[str, str]:
    common = git
    if (git / "commondir").is_file():
        common = git / (git / "commondir").read_text().strip()
    _check_form(common)
    packed = _packed_refs(common)
    head = (git / "HEAD").read_text().strip()
    branch, commit = "", head
    if head.startswith("ref:"):
        reference = head.removeprefix("ref:").strip()
        branch = reference.removeprefix("refs/heads/")
        commit = _commit(git, common, packed, reference)
    if commit and not _OBJECT.fullmatch(commit):
        raise ValueError(f"{commit[:80]!r} is no commit")
    return {
        "git_hash": commit,
        "git_branch": branch,
        "git_tags": ", ".join(_tags(common, packed, commit)) if commit else "",
        "git_status": UNKNOWN_STATUS,
    }


def _check_form(common: Path) -> None:
    """Raise ValueError for a repository whose references are not kept in files."""
    config = common / "config"
    text = config.read_text(errors="replace") if config.is_file() else ""
    found = re.search(r"^\s*refstorage\s*=\s*\"?([^\s\"]+)", text, re.IGNORECASE | re.MULTILINE)
    if (found and found[1].lower() != "files") or (common / "reftable").exists():
        raise ValueError("the references are kept in another form")


def _commit(git: Path, common: Path, packed: dict[str, str], reference: str) -> str:
    """Return what a reference stands for, empty for one of a branch without a commit."""
    for _ in range(_LONGEST_CHAIN):
        if not reference.startswith("refs/") or ".." in reference:
            raise ValueError(f"{reference[:80]!r} is no reference")
        found = _resolve(git, reference) or _resolve(common, reference) or packed.get(reference, "")
        if not found.startswith("ref:"):
            return found
        reference = found.removeprefix("ref:").strip()
    raise ValueError(f"{reference[:80]!r} leads nowhere")


def _resolve(git: Path, reference: str) -> str:
    path = git / reference
    return path.read_text().strip() if path.is_file() else ""


def _packed_refs(common: Path) -> dict[str, str]:
    """Return the packed references; an annotated tag's is the commit that it is on."""
    path = common / "packed-refs"
    references: dict[str, str] = {}
    name = ""
    for line in path.read_text().splitlines() if path.is_file() else ():
        if line.startswith("^"):
            references[name] = line[1:].strip()
        elif not line.startswith("#") and " " in line:
            commit, name = line.split(" ", 1)
            references[name] = commit
    return references


def _tags(common: Path, packed: dict[str, str], commit: str) -> list[str]:
    """Return the tags on the commit.

    Missing are those whose reference is not packed but the annotation that it leads to is: a rare case.
    """
    tags = {
        name.removeprefix("refs/tags/")
        for name, target in packed.items()
        if target == commit and name.startswith("refs/tags/")
    }
    directory = common / "refs" / "tags"
    if directory.is_dir():
        for path in directory.rglob("*"):
            if path.is_file() and commit in _tagged(common, path.read_text().strip()):
                tags.add(path.relative_to(directory).as_posix())
    return sorted(tags)


def _tagged(common: Path, target: str) -> tuple[str, ...]:
    """Return what a tag leads to: an object, and where that is an annotation, what it is about."""
    path = common / "objects" / target[:2] / target[2:]
    if not path.is_file():
        return (target,)
    try:
        with path.open("rb") as file:
            start = zlib.decompressobj().decompress(file.read(_HEAD), _HEAD)
    except zlib.error:
        return (target,)
    about = re.match(rb"tag \d+\0object ([0-9a-f]+)\n", start)
    return (target, about[1].decode()) if about else (target,)

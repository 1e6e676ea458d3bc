"""What git knows of a checkout, in every form that repositories have: git's own words, or nothing at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cl._store.write.git_state import git_state

NOTHING = {"git_hash": "", "git_branch": "", "git_tags": "", "git_status": ""}
COMMIT = "a" * 40


@pytest.fixture(autouse=True)
def _no_git_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)


def git(folder: Path, *arguments: str) -> str:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    identity = ("-c", "user.name=x", "-c", "user.email=x@x", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"git {' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip()


def repository(folder: Path, *options: str) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", *options)
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    git(folder, "tag", "v1")
    return folder


def check_as_git_says(folder: Path, tags: str = "v1") -> None:
    found = git_state(folder)
    assert found["git_hash"] == git(folder, "rev-parse", "HEAD")
    assert found["git_branch"] == git(folder, "branch", "--show-current")
    assert (found["git_tags"], found["git_status"]) == (tags, "unknown")


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)], ids=["sha1", "sha256"])
def test_commits_of_either_length(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = repository(tmp_path / "r", *options)
    check_as_git_says(folder)
    git(folder, "checkout", "-q", "-b", "größe/ü x".replace(" ", "-"))
    git(folder, "pack-refs", "--all")
    check_as_git_says(folder)
    git(folder, "checkout", "-q", "--detach")
    check_as_git_says(folder)


def test_worktrees(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r")
    git(folder, "config", "extensions.worktreeConfig", "true")
    git(folder, "worktree", "add", "-q", "-b", "side", "../side")
    git(tmp_path / "side", "config", "--worktree", "core.sparseCheckout", "true")
    check_as_git_says(tmp_path / "side")
    (tmp_path / "side" / "deep").mkdir()
    check_as_git_says(tmp_path / "side" / "deep")


def test_a_repository_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = repository(tmp_path / "one"), repository(tmp_path / "other")
    git(other, "checkout", "-q", "-b", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    check_as_git_says(one)
    monkeypatch.setenv("GIT_DIR", "../other/.git")
    check_as_git_says(one)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    assert git_state(one) == NOTHING


def test_no_repository_is_looked_for_beyond_a_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(tmp_path / "a")
    inside = folder / "b" / "c"
    inside.mkdir(parents=True)
    found = git_state(folder)["git_hash"]
    assert git_state(inside)["git_hash"] == found != ""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", f"/nowhere{os.pathsep}{folder}")
    assert git_state(inside)["git_hash"] == ""
    assert git_state(folder)["git_hash"] == found


def test_a_branch_that_stands_for_another(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r")
    git(folder, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/alias\n")
    assert git_state(folder)["git_hash"] == git(folder, "rev-parse", "main")


def test_a_branch_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "fresh")
    assert git_state(tmp_path) == {**NOTHING, "git_branch": "fresh", "git_status": "unknown"}


def by_hand(folder: Path, head: str, config: str = "", main: str = COMMIT) -> Path:
    """Make what git's own versions may not be able to."""
    (folder / ".git" / "refs" / "heads").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(head)
    (folder / ".git" / "config").write_text(config)
    (folder / ".git" / "refs" / "heads" / "main").write_text(main)
    return folder


@pytest.mark.parametrize(
    "form",
    [
        {"head": "ref: refs/heads/.invalid\n", "config": "[extensions]\n\trefStorage = reftable\n"},
        {"head": "ref: refs/heads/main\n", "config": '[extensions]\n  refstorage="reftable"\n'},
        {"head": "ref: refs/heads/main\n", "main": "this is no commit\n"},
        {"head": "ref: refs/heads/main\n", "main": "ref: refs/heads/main\n"},
        {"head": "ref: refs/../../secret\n"},
        {"head": "ref: elsewhere\n"},
        {"head": "nonsense\n"},
        {"head": "\n", "main": ""},
    ],
)
def test_nothing_rather_than_a_wrong_name(tmp_path: Path, form: dict[str, str]) -> None:
    found = git_state(by_hand(tmp_path, **form))
    assert found == NOTHING or form["head"] == "\n"
    assert found["git_hash"] == found["git_branch"] == found["git_tags"] == ""


def test_a_directory_of_tables_of_references(tmp_path: Path) -> None:
    folder = by_hand(tmp_path, "ref: refs/heads/.invalid\n")
    (folder / ".git" / "reftable").mkdir()
    assert git_state(folder) == NOTHING

"""cl-sdk in the same environment: `import cl` says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cl
from cl._values.foreign_files import CL_SDKS


def test_files_of_cl_sdk_in_the_package_are_refused(tmp_path: Path) -> None:
    package = tmp_path / "cl"
    package.mkdir()
    for ours in Path(cl.__file__).parent.iterdir():
        (package / ours.name).symlink_to(ours)
    theirs = package / CL_SDKS
    for there in (False, True):
        if there:
            theirs.parent.mkdir()
            theirs.touch()
        done = subprocess.run(
            [sys.executable, "-c", "import cl; print(cl.__file__)"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        if there:
            assert done.returncode == 1 and f"ImportError: {package} has files of cl-sdk" in done.stderr
            assert "pip uninstall cl-sdk cl-aio" in done.stderr
        else:
            assert done.stdout == f"{package / '__init__.py'}\n", done.stderr


def test_ours_has_no_such_file() -> None:
    assert not (Path(cl.__file__).parent / CL_SDKS).exists()

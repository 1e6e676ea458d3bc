"""What another distribution has put into this package: cl-sdk has one of the same name."""

from __future__ import annotations

import os
from typing import Final

CL_SDKS: Final = os.path.join("_sim", "__init__.py")
"""A file of cl-sdk's package that ours has not."""


def refuse_foreign_files(folder: str) -> None:
    """Raise ImportError if cl-sdk was installed into the package's folder: either's files may be the other's.

    It costs one look for a file.
    """
    if os.path.exists(os.path.join(folder, CL_SDKS)):
        raise ImportError(
            f"{folder} has files of cl-sdk beside those of cl-aio: both are the package 'cl', and an "
            "environment has room for one. For cl-aio: pip uninstall cl-sdk cl-aio, then install cl-aio again"
        )

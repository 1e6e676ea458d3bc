"""The documentation: Sphinx, with Markdown pages (MyST) and the docstrings of what is imported (autodoc)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from made import make_all  # noqa: E402  # it lies beside this file

from cl._values.version import VERSION  # noqa: E402

project = "cl-aio"
author = "The cl-aio developers"
release = VERSION
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_made/commands.md", "made", "notebooks"]
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {
    "members": True,
    # What comes from these is described where they are.
    "inherited-members": "object,Exception,BaseException,dict,tuple,BaseModel,Env,Iterable,Mapping,ABC",
}
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
suppress_warnings = ["myst.header", "ref.python"]  # two classes are called Simulator

html_theme = "furo"
html_title = f"cl-aio {VERSION}"
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Make the pictures and the lists before the pages are read."""
    app.connect("builder-inited", lambda app: make_all(Path(app.srcdir)))
    app.connect("autodoc-process-docstring", escape_bars)


def escape_bars(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Take the bars of |x| for what they are, and not for a substitution; those in code are left alone."""
    for number, line in enumerate(lines):
        pieces = line.split("`")
        pieces[::2] = [piece.replace("|", r"\|") for piece in pieces[::2]]
        lines[number] = "`".join(pieces)

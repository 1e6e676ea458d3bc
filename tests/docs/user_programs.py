"""The programs of users that the tests run, in one folder: `python -m docs.user_programs FOLDER`, in tests/.

CI has mypy and pyright check them there: the code of every document, one module a page, and the programs of
tests/dropin, tests/golden, tests/sweep and tests/sim. Names that a page's text takes as given are declared
before its code.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

from docs.pages import DOCS, ROOT, blocks

GIVEN = {
    "README.md": "from given import Controller\n",
    "docs/network.md": "import cl\nfrom given import neurons\n",
    "docs/recordings.md": "import time\nimport h5py\nimport numpy\nimport cl\n"
    "from given import neurons, path, source, target, view\n",
    "docs/safety.md": "import cl\nfrom cl import ChannelSet\nfrom given import neurons\n",
    "docs/virtual-time.md": "import anyio\nimport cl\nfrom cl.sim import Simulator\n"
    "from given import all_are_there, control, fetch, neurons\n",
    "docs/visualiser-protocol.md": "import cl\n",
}
"""By document, what its text takes as given."""
TYPES = """
from collections.abc import Callable, Coroutine
from typing import Any
import anyio
import cl
import h5py

Controller: Callable[[], Callable[[cl.LoopTick, cl.Neurons], None]]
all_are_there: anyio.Event
control: Callable[[cl.Neurons], Coroutine[Any, Any, None]]
fetch: Callable[[], Coroutine[Any, Any, str]]
neurons: cl.Neurons
path: str
source: h5py.File
target: h5py.File
view: cl.RecordingView
"""
ONLY_BY_MYPY = ["page_docs_spikeinterface.py", "golden_notes.py"]
"""What uses functions of others that are annotated to return one of several things, as only pyright sees."""
PROGRAMS = (
    *("tests/dropin/programs/*.py", "tests/dropin/dropin_sources.py", "tests/showing_backend.py"),
    *("tests/golden/golden_*.py", "tests/reference_data.py"),
    *("tests/sweep/sweep_*.py", "tests/sim/sim_factories.py"),
)
_AWAITS = re.compile(r"^(await|async with|async for)\b|^    \w+ = await\b", re.M)
_NAMED = re.compile(r"# (\w+)\.py\n")


def write(folder: Path) -> None:
    """Write them all, with a configuration for pyright like that of the package."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["pyright"]
    settings |= {"include": ["."], "exclude": ONLY_BY_MYPY, "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "given.py").write_text(TYPES, encoding="utf-8")
    for pattern in PROGRAMS:
        for path in ROOT.glob(pattern):
            shutil.copy(path, folder)
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        code = [block.text for block in blocks(path) if block.language == "python"]
        name = path.relative_to(ROOT).as_posix()
        if code and "decisions" not in path.parts:
            for module, text in _modules(name, code):
                (folder / f"{module}.py").write_text(text, encoding="utf-8")


def _modules(name: str, code: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the modules of a page: one, but for a block that says what its file is called."""
    module = "page_" + re.sub(r"\W", "_", name.removesuffix(".md"))
    rest = []
    for text in code:
        named = _NAMED.match(text)
        if named:
            yield named[1], text
        elif _AWAITS.search(text):
            rest.append(f"async def block_{len(rest)}() -> None:\n{textwrap.indent(text, '    ')}")
        else:
            rest.append(text)
    yield module, GIVEN.get(name, "") + "\n".join(rest)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    write(Path(sys.argv[1]))

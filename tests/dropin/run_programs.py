"""Runs programs one after the other in this process: `python run_programs.py RESULTS FOLDER PROGRAM...`.

Each has a folder of its own under FOLDER as working directory, and the environment as it was. RESULTS is a
JSON file: what each has printed by its name, a traceback at the end where it failed.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path


def printed(program: Path) -> str:
    """Run a program and return what it prints."""
    out = StringIO()
    with redirect_stdout(out):
        try:
            runpy.run_path(str(program), run_name="__main__")
        except Exception:
            print(traceback.format_exc())
    return out.getvalue()


def main(results: Path, folder: Path, programs: list[Path]) -> None:
    """Run the programs, and write what they print."""
    environment, found = dict(os.environ), {}
    for program in programs:
        (folder / program.stem).mkdir()
        os.chdir(folder / program.stem)
        os.environ.clear()
        os.environ.update(environment)
        found[program.stem] = printed(program)
        results.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(name).absolute() for name in sys.argv[3:]])

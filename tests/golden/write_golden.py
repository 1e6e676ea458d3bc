"""Store the golden values anew, after a change that is meant to change them:

    python tests/golden/write_golden.py                  # all sources, or those that are named
    python tests/golden/write_golden.py --order random   # store nothing, show the whole order of service

The values are those of the `cl` that is imported: with PYTHONPATH=CLONE those of another clone. Two clones'
orders of service can be compared by `diff`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

# The tests' own modules lie in their folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import anyio
import golden_async
import golden_files
import golden_sync
from golden_notes import Notes
from golden_sources import SOURCES, Source

import cl


def main() -> None:
    """Run the programs on the sources that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=f"of {', '.join(SOURCES)}")
    parser.add_argument("--order", action="store_true", help="show the order of service, store nothing")
    arguments = parser.parse_args()
    print(f"with {cl.__file__}", file=sys.stderr)
    written = set()
    for name in arguments.sources or SOURCES:
        source = SOURCES[name]
        if arguments.order:
            _show(name, _run(source))
        elif source.values not in written:
            written.add(source.values)
            values = {program: notes.values() for program, notes in _run(source).items()}
            print(golden_files.store(source.values, values), file=sys.stderr)


def _run(source: Source) -> dict[str, Notes]:
    found = {}
    for program in golden_files.PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            if program == "async":
                found[program] = anyio.run(golden_async.run, source, Path(folder))
            else:
                found[program] = golden_sync.run(source, Path(folder))
    return found


def _show(name: str, found: dict[str, Notes]) -> None:
    for program, notes in found.items():
        for entry in notes.order:
            print(f"{name} {program}: {entry}")


if __name__ == "__main__":
    main()

"""Runs notebooks in one kernel, one after the other, each in a namespace of its own.

A process of its own does it, so that a test can give it an environment:

python tests/notebook_runner.py OUT NOTEBOOK...
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

PATIENCE_S = 60


async def run(out: Path, paths: list[Path]) -> None:
    """Write each executed notebook to a folder, or its error, as `NAME.error`."""
    manager = AsyncKernelManager(kernel_name="python3")
    await manager.start_kernel()
    try:
        for path in paths:
            notebook = nbformat.read(path, 4)
            clear = nbformat.v4.new_code_cell("%reset -f", id="clear")
            notebook.cells.insert(0, clear)
            client = NotebookClient(notebook, km=manager, timeout=PATIENCE_S)
            try:
                await client.async_execute()
            except CellExecutionError as error:
                (out / f"{path.stem}.error").write_text(str(error))
            del notebook.cells[0]
            nbformat.write(notebook, out / path.name)
    finally:
        await manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))

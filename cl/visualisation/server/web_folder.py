"""Where the page's own files lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

WEB_FOLDER: Final = Path(__file__).parent.parent / "web"

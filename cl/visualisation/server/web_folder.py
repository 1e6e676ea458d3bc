"""Where the page's own files lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

WEB_FOLDER: Final = Path(__file__).parent.parent / "web"


def behind(page: str, prefix: str) -> str:
    """Return a page with a prefix before the absolute paths of what it loads."""
    return page.replace('="/', f'="{prefix}/') if prefix else page

"""All that is computed of recordings, as text, as JSON, and as a page to mail to a colleague."""

from __future__ import annotations

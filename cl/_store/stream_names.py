"""Names that a data stream can have in a recording."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 255
"""Bytes of the longest name."""
_RESERVED: Final = ("_c_", "_f_", "_g_", "_i_", "_p_", "_v_")


def check_stream_name(name: str) -> None:
    """Raise TypeError or ValueError unless HDF5 and PyTables take the name as that of a group."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a data stream should be a string, not {name!r}")
    if not name or name == "." or "/" in name or "\0" in name:
        raise ValueError(f"a data stream cannot be called {name!r}: not empty, not '.', no '/' and no zero")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise ValueError(f"a data stream cannot be called {name!r}: it is not valid Unicode") from None
    if length > LONGEST:
        raise ValueError(
            f"the name of a data stream has at most {LONGEST} bytes, {name[:20]!r}... has {length}"
        )
    if name.startswith(_RESERVED) or name == "__members__":
        raise ValueError(f"a data stream cannot be called {name!r}: PyTables keeps names like it for itself")

"""What `python -m cl serve` was asked for, and whether that may be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cl.visualisation.server.access import is_loopback

if TYPE_CHECKING:
    import ssl

DEFAULT_PORT: Final = 8125
LEASES: Final = 0.1, 3600.0


@dataclass(frozen=True, slots=True)
class Options:
    """How a device is served."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token_file: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    lease_seconds: float = 5.0
    finishes: bool = False
    """Whether what a lost controller has queued is delivered; else it is interrupted."""
    applications: Path | None = None
    """Where applications that are submitted are run; None: nowhere."""

    def check(self) -> None:
        """Raise ValueError for what may not be."""
        if (self.cert is None) is not (self.key is None):
            raise ValueError("--cert and --key belong together")
        if not 0 <= self.port < 1 << 16:
            raise ValueError(f"--port must be 0 to 65535, not {self.port}")
        low, high = LEASES
        if not low <= self.lease_seconds <= high:
            raise ValueError(f"--lease-seconds must be {low:g} to {high:g}, not {self.lease_seconds}")
        if is_loopback(self.host):
            return
        missing = [
            name
            for name, given in (("--cert and --key", self.cert), ("--token-file", self.token_file))
            if not given
        ]
        if missing:
            raise ValueError(
                f"--host {self.host} is not this machine alone, and that takes TLS and a token: "
                f"{' and '.join(missing)} missing"
            )

    def tls(self) -> ssl.SSLContext | None:
        """Return the context of TLS, None without. OSError (ssl.SSLError) for files that are none."""
        if self.cert is None or self.key is None:
            return None
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert, self.key)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            raise ValueError(f"--cert {self.cert} and --key {self.key} cannot be used: {reason}") from None
        return context

"""`python -m cl serve`: a device for programs elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "Serve a device to programs elsewhere, which open it as CL_DEVICE=ws://host:port."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        "One client has control, any number may read. Beyond this machine (--host) it takes --cert, "
        "--key and --token-file; clients give the token by CL_DEVICE_TOKEN or CL_DEVICE_TOKEN_FILE. The live "
        "page is at http(s)://host:port, with the token as the password."
    )
    parser.add_argument("--device", help="an address; by default what a program here would open")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8125, help="the port (8125); 0: one that is free")
    parser.add_argument(
        "--token-file", type=Path, help="one token a line, its end in ISO 8601 behind it perhaps"
    )
    parser.add_argument("--cert", type=Path, help="the certificate of TLS, PEM")
    parser.add_argument("--key", type=Path, help="its key, PEM")
    parser.add_argument(
        "--lease-seconds", type=float, default=5.0, help="how long a silent client keeps control (5)"
    )
    parser.add_argument(
        "--on-lost",
        choices=("interrupt", "finish"),
        default="interrupt",
        help="what becomes of the stimulation that a lost client has queued (interrupt)",
    )
    parser.add_argument(
        "--allow-applications",
        nargs="?",
        const=Path("applications"),
        type=Path,
        metavar="FOLDER",
        help="let clients submit applications, which run here with the rights of the server; their folders "
        "lie in FOLDER (./applications)",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from cl._serve.options import Options
    from cl._serve.serving import serve

    serve(
        Options(
            host=options.host,
            port=options.port,
            token_file=options.token_file,
            cert=options.cert,
            key=options.key,
            lease_seconds=options.lease_seconds,
            finishes=options.on_lost == "finish",
            applications=options.allow_applications,
        ),
        options.device,
    )
    return 0

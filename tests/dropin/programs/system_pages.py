"""The WebSockets of cl-sdk's page are no part of its documentation, and are not served."""

import os
import re
import socket
import sys
from io import StringIO

import cl

os.environ.update(CL_SDK_ACCELERATED_TIME="0", CL_SDK_VISUALISATION="1")
said, sys.stderr = sys.stderr, StringIO()
try:
    with cl.open():
        port = int(re.findall(r"http://127\.0\.0\.1:(\d+)", sys.stderr.getvalue())[0])
        for path in ("/_/ws/overview", "/_/ws/live_streaming"):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                print(path, connection.recv(1000).split()[1].decode())
finally:
    sys.stderr = said

# prints:
#   /_/ws/overview 404
#   /_/ws/live_streaming 404
# cl-sdk is not asked: it serves them, and its documentation does not have them

"""What a program written for cl-sdk finds installed: the extra `dropin`."""

import importlib

NAMES = (
    *("IPython", "dotenv", "ipykernel", "matplotlib", "msgpack", "msgpack_numpy", "networkx", "numpy"),
    *("pandas", "pydantic", "scipy", "tables", "websockets"),
)
for name in NAMES:
    print(importlib.import_module(name).__name__)

# prints:
#   IPython
#   dotenv
#   ipykernel
#   matplotlib
#   msgpack
#   msgpack_numpy
#   networkx
#   numpy
#   pandas
#   pydantic
#   scipy
#   tables
#   websockets

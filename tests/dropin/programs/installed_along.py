"""What a program written for cl-sdk finds installed: the extra `dropin`."""

import importlib

for name in ("matplotlib", "msgpack_numpy", "networkx", "numpy", "pandas", "pydantic", "scipy", "tables"):
    print(importlib.import_module(name).__name__)

# prints:
#   matplotlib
#   msgpack_numpy
#   networkx
#   numpy
#   pandas
#   pydantic
#   scipy
#   tables

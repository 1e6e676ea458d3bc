"""A seed that is drawn is printed, so that the run can be made again."""

import os
import re
import sys
from io import StringIO

import cl

del os.environ["CL_SDK_RANDOM_SEED"]
said, sys.stderr = sys.stderr, StringIO()
try:
    with cl.open() as neurons:
        neurons.read(10)
    print(re.sub(r"\d+", "N", sys.stderr.getvalue()), end="")
finally:
    sys.stderr = said

# prints:
#   cl: CL_SDK_RANDOM_SEED=N repeats this run
# cl-sdk is not asked: it prints the seed in words of its own

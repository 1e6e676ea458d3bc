"""CL_SDK_DATA_SOURCE takes "module:attribute" and "module.attribute"; its config are keyword arguments."""

import os

import cl

for path, scale in (("dropin_sources:scaled", 4), ("dropin_sources.scaled", 5)):
    os.environ["CL_SDK_DATA_SOURCE"] = path
    os.environ["CL_SDK_DATA_SOURCE_CONFIG"] = f'{{"scale": {scale}}}'
    with cl.open() as neurons:
        print(int(neurons.read(10)[0, 1]))

# prints:
#   4
#   5
# cl-sdk is not asked: it reads its variables when it is imported

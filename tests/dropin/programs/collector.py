"""`aopen` leaves the garbage collector alone; `open` has it rest."""

import asyncio
import gc

import cl


async def main() -> None:
    async with cl.aopen():
        print(gc.isenabled())


with cl.open():
    print(gc.isenabled())
asyncio.run(main())
print(gc.isenabled())

# prints:
#   False
#   True
#   True
# cl-sdk is not asked: it has no aopen

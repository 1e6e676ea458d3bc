"""Reading the pickles that PyTables keeps dict attributes as, without running anything.

PyTables stores an attribute that HDF5 has no type for as a pickle. A pickle is a program
for a small stack machine, and Python's machine will call anything that can be imported. The
machine here knows only the instructions that build builtin scalars and containers,
and a fixed table of what may be called: the ways in which the builtins and plain numpy scalars and
arrays are pickled, in protocols 0 to 5, by numpy 1 and 2. Arguments are checked before
they reach numpy. Shared and nested values are limited, so that a small pickle
cannot stand for a huge value.
"""

from __future__ import annotations

import io
import pickletools
import sys
from typing import Any, Final

import numpy as np

from cl.error import UnsafeOperationError

from .pickle_calls import ALLOWED, LARGEST_VALUE, Dtype, Named, fill

DEEPEST_VALUE: Final = 200
"""Limit on nested containers."""
NEWEST_PROTOCOL: Final = 5


class MalformedPickleError(ValueError):
    """The bytes are no pickle, or a broken one. Nothing in them asked for what is not allowed.

    `is_text`: no reader of pickles gets beyond this point, so they can be taken for text.
    """

    def __init__(self, message: str, is_text: bool = False) -> None:
        super().__init__(message)
        self.is_text = is_text


def loads(data: bytes) -> Any:
    """Return the value of a pickle.

    Raises UnsafeOperationError as soon as it asks for anything but builtin
    scalars and containers and plain numpy scalars and arrays, or for a huge
    value; MalformedPickleError if it is broken. Bytes after its end are ignored.
    """
    value = _Machine(len(data)).run(data)
    _measure(value)
    return value


class _Machine:
    """Runs one pickle. Each method named after an instruction of `pickletools` does that instruction."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        stream = io.BytesIO(data)
        instructions = pickletools.genops(stream)
        while True:
            start = stream.tell()
            try:
                opcode, argument, _ = next(instructions)
            except ValueError as error:
                raise _lexical_error(error, data, start, stream.tell()) from error
            if opcode.name == "STOP":
                return self._finish()
            self._step(opcode.name, argument)

    def _step(self, name: str, argument: Any) -> None:
        if name in _PUSHES:
            self._stack.append(argument)
            return
        method = getattr(self, name, None)
        if method is None:
            self._need(_POPS.get(name, 1))
            raise UnsafeOperationError(f"a pickle has the instruction {name}, which could execute code")
        try:
            method(argument)
        except (UnsafeOperationError, MalformedPickleError):
            raise
        except (TypeError, ValueError, LookupError, ArithmeticError, MemoryError) as error:
            raise UnsafeOperationError(f"a pickle cannot be read: {name}: {error}") from error

    def _finish(self) -> Any:
        if len(self._stack) != 1 or self._marks:
            raise MalformedPickleError(f"a pickle ends with {len(self._stack)} values")
        return self._stack[0]

    # -- the stack

    def _need(self, count: int) -> None:
        floor = self._marks[-1] if self._marks else 0
        if len(self._stack) - floor < count:
            raise MalformedPickleError("a pickle takes a value where there is none")

    def _pop(self, kind: type | None = None) -> Any:
        self._need(1)
        return self._checked(self._stack.pop(), kind)

    def _top(self, kind: type) -> Any:
        self._need(1)
        return self._checked(self._stack[-1], kind)

    def _checked(self, value: Any, kind: type | None) -> Any:
        if kind is not None and type(value) is not kind:
            raise UnsafeOperationError(f"a pickle uses {type(value).__name__} as {kind.__name__}")
        return value

    def _pop_mark(self) -> list[Any]:
        if not self._marks:
            raise MalformedPickleError("a pickle closes what was not opened")
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def MARK(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def POP(self, _: Any) -> None:
        self._pop()

    def POP_MARK(self, _: Any) -> None:
        self._pop_mark()

    def DUP(self, _: Any) -> None:
        self._need(1)
        self._stack.append(self._stack[-1])

    def PROTO(self, version: int) -> None:
        if version > NEWEST_PROTOCOL:
            raise MalformedPickleError(f"a pickle has the protocol {version}", is_text=True)

    def FRAME(self, _: int) -> None:
        pass

    # -- constants

    def NONE(self, _: Any) -> None:
        self._stack.append(None)

    def NEWTRUE(self, _: Any) -> None:
        self._stack.append(True)

    def NEWFALSE(self, _: Any) -> None:
        self._stack.append(False)

    def BYTEARRAY8(self, data: Any) -> None:
        self._stack.append(bytearray(data))

    # -- containers

    def EMPTY_LIST(self, _: Any) -> None:
        self._stack.append([])

    def EMPTY_DICT(self, _: Any) -> None:
        self._stack.append({})

    def EMPTY_TUPLE(self, _: Any) -> None:
        self._stack.append(())

    def EMPTY_SET(self, _: Any) -> None:
        self._stack.append(set())

    def LIST(self, _: Any) -> None:
        self._stack.append(self._pop_mark())

    def TUPLE(self, _: Any) -> None:
        self._stack.append(tuple(self._pop_mark()))

    def FROZENSET(self, _: Any) -> None:
        self._stack.append(frozenset(self._pop_mark()))

    def DICT(self, _: Any) -> None:
        items = self._pop_mark()
        self._stack.append({})
        self._set_items(items)

    def TUPLE1(self, _: Any) -> None:
        self._tuple(1)

    def TUPLE2(self, _: Any) -> None:
        self._tuple(2)

    def TUPLE3(self, _: Any) -> None:
        self._tuple(3)

    def _tuple(self, count: int) -> None:
        self._need(count)
        items = tuple(self._stack[-count:])
        self._stack[-count:] = [items]

    def APPEND(self, _: Any) -> None:
        value = self._pop()
        self._top(list).append(value)

    def APPENDS(self, _: Any) -> None:
        items = self._pop_mark()
        self._top(list).extend(items)

    def ADDITEMS(self, _: Any) -> None:
        items = self._pop_mark()
        self._top(set).update(items)

    def SETITEM(self, _: Any) -> None:
        self._need(2)
        value = self._pop()
        self._set_items([self._pop(), value])

    def SETITEMS(self, _: Any) -> None:
        self._set_items(self._pop_mark())

    def _set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise MalformedPickleError("a pickle has a key without a value")
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[key] = value

    # -- the memo

    def GET(self, key: int) -> None:
        if key not in self._memo:
            raise MalformedPickleError(f"a pickle refers to its value {key}, which there is not")
        self._stack.append(self._memo[key])

    BINGET = LONG_BINGET = GET

    def PUT(self, key: int) -> None:
        # Python's machine makes a table as large as the largest key.
        if not 0 <= key <= self._size:
            raise UnsafeOperationError(f"a pickle of {self._size} bytes numbers a value {key}")
        self._need(1)
        self._memo[key] = self._stack[-1]

    BINPUT = LONG_BINPUT = PUT

    def MEMOIZE(self, _: Any) -> None:
        self.PUT(len(self._memo))

    # -- names and calls

    def GLOBAL(self, name: str) -> None:
        if name not in ALLOWED:
            raise UnsafeOperationError(f"a pickle asks for {name.replace(' ', '.')!r}")
        self._stack.append(ALLOWED[name])

    def STACK_GLOBAL(self, _: Any) -> None:
        self._need(2)
        name = self._pop(str)
        self.GLOBAL(f"{self._pop(str)} {name}")

    def REDUCE(self, _: Any) -> None:
        self._need(2)
        arguments = self._pop()
        function = self._pop()
        if type(function) is not Named or type(arguments) is not tuple:
            raise UnsafeOperationError(f"a pickle calls {type(function).__name__}")
        self._stack.append(function.call(*arguments))

    def BUILD(self, _: Any) -> None:
        self._need(2)
        state = self._pop()
        target = self._stack[-1]
        if type(target) is Dtype:
            target.complete(state)
        elif type(target) is np.ndarray:
            fill(target, state)
        else:
            raise UnsafeOperationError(f"a pickle sets up {type(target).__name__}")


_PUSHES: Final = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING"}
    | {"BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
)
"""Instructions that push their argument."""
_POPS: Final = {"INST": 0, "PERSID": 0, "EXT1": 0, "EXT2": 0, "EXT4": 0, "NEXT_BUFFER": 0, "NEWOBJ_EX": 3}
"""How many values an instruction that is not allowed would take (one, where it is not here)."""


_INSTRUCTIONS: Final = frozenset(ord(opcode.code) for opcode in pickletools.opcodes)
_IMPORTS: Final = b"ciP"
"""The instructions GLOBAL, INST and PERSID: their arguments end with a line."""


def _lexical_error(error: ValueError, data: bytes, start: int, end: int) -> MalformedPickleError:
    """Tell whether every machine stops at the instruction that `start` to `end` could not be read as.

    It does at an unknown instruction, and at one that lacks its argument at the end of the bytes.
    """
    if start >= len(data) or data[start] not in _INSTRUCTIONS:
        is_text = True
    elif data[start] in _IMPORTS:
        is_text = b"\n" not in data[start:]
    else:
        is_text = end >= len(data)
    return MalformedPickleError(f"not a pickle: {error}", is_text)


# -- what came out


_LEAVES: Final = (bool, int, float, complex, type(None))
_SIZED: Final = (str, bytes, bytearray)
_CONTAINERS: Final = (list, tuple, set, frozenset, dict)


def _measure(value: Any) -> int:
    """Return how much a value stands for, shared parts as often as they occur.

    Raises UnsafeOperationError for what is too much, too deep, contains
    itself, or is no value at all (a function, a dtype).
    """
    sizes: dict[int, int] = {}
    open_containers: set[int] = set()
    work: list[tuple[Any, bool]] = [(value, False)]
    while work:
        item, children_done = work.pop()
        key = id(item)
        if children_done:
            open_containers.discard(key)
            sizes[key] = 1 + sum(sizes[id(child)] for child in _children(item))
            if sizes[key] > LARGEST_VALUE:
                raise UnsafeOperationError(f"a pickle stands for more than {LARGEST_VALUE} bytes or items")
        elif key in open_containers:
            raise UnsafeOperationError("a pickle has a value that contains itself")
        elif key not in sizes:
            if type(item) not in _CONTAINERS:
                sizes[key] = _leaf_size(item)
                continue
            open_containers.add(key)
            if len(open_containers) > DEEPEST_VALUE:
                raise UnsafeOperationError(f"a pickle is nested deeper than {DEEPEST_VALUE}")
            work.append((item, True))
            work += [(child, False) for child in _children(item)]
    return sizes[id(value)]


def _children(item: Any) -> list[Any]:
    return [*item, *item.values()] if type(item) is dict else list(item)


def _leaf_size(item: Any) -> int:
    if type(item) in _LEAVES:
        return sys.getsizeof(item) // 16
    if type(item) in _SIZED:
        return 1 + len(item)
    if type(item) is np.ndarray or isinstance(item, np.generic):
        return 1 + int(item.nbytes)
    raise UnsafeOperationError(f"a pickle holds {type(item).__name__}, which is no plain value")

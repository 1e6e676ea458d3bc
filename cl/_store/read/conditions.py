"""Conditions on table columns, as PyTables takes them: `"(channel == 8) & (timestamp < 1000)"`.

PyTables hands a condition to numexpr, which evaluates it as Python code. Here it is parsed, every part
is looked up in the tables below, and numpy does the arithmetic. So nothing in a condition
can run code, and no further package is needed. Operators, functions and
precedence are numexpr's: `& | ~` on comparisons in parentheses, not `and or not`.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

LONGEST: Final = 10_000
"""Characters of the longest condition."""

_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: Final = frozenset(
    {"where", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "exp"}
    | {"arcsinh", "arccosh", "arctanh", "log", "log10", "log1p", "expm1", "sqrt", "abs", "floor", "ceil"}
    | {
        "isnan",
        "isinf",
        "isfinite",
        "fmod",
        "maximum",
        "minimum",
        "log2",
        "hypot",
        "copysign",
        "sign",
        "trunc",
    }
)
"""numexpr's functions; numpy's have the same names."""
_LIKE: Final = "conditions are like '(channel == 8) & (timestamp < 1000)'"
_PYTHON_LOGIC: Final = (
    "a condition combines comparisons with & | ~, each in parentheses, not with and, or, not, or a < b < c"
)


def names_in(condition: str) -> set[str]:
    """Return the columns and variables that a condition refers to; SyntaxError if it cannot be parsed."""
    return {node.id for node in ast.walk(_parse(condition)) if isinstance(node, ast.Name)} - _FUNCTIONS


def evaluate(condition: str, values: Mapping[str, Any], rows: int) -> NDArray[np.bool_]:
    """Return for each of the rows whether it fulfils the condition.

    `values` has the columns and variables. Raises SyntaxError, NameError for an
    unknown name and TypeError for what is no condition.
    """
    with np.errstate(all="ignore"):
        result = _value(_parse(condition).body, values)
    if np.result_type(result) != np.bool_:
        raise TypeError(f"the condition {condition!r} is not true or false for a row")
    return np.array(np.broadcast_to(result, (rows,)))


def _parse(condition: str) -> ast.Expression:
    if not isinstance(condition, str):
        raise TypeError(f"a condition is a string, not {condition!r}")
    if len(condition) > LONGEST:
        raise ValueError(f"a condition has at most {LONGEST} characters, this one {len(condition)}")
    try:
        return ast.parse(condition.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise SyntaxError(f"the condition {condition[:80]!r} cannot be read: {why}; {_LIKE}") from None


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.BinOp():
            return _binary(node)(_value(node.left, values), _value(node.right, values))
        case ast.UnaryOp() if type(node.op) in _UNARY:
            return _UNARY[type(node.op)](_value(node.operand, values))
        case ast.Compare(ops=[comparison]) if type(comparison) in _COMPARE:
            return _COMPARE[type(comparison)](_value(node.left, values), _value(node.comparators[0], values))
        case ast.Name():
            return _named(node.id, values)
        case ast.Constant():
            return _constant(node.value)
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            return getattr(np, name)(*(_value(argument, values) for argument in node.args))
        case ast.BoolOp() | ast.Compare() | ast.UnaryOp():
            raise TypeError(_PYTHON_LOGIC)
    raise TypeError(f"a condition cannot have {ast.unparse(node)!r} in it")


def _binary(node: ast.BinOp) -> Callable[[Any, Any], Any]:
    if type(node.op) not in _BINARY:
        raise TypeError(f"a condition cannot have {ast.unparse(node)!r} in it")
    return _BINARY[type(node.op)]


def _named(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise NameError(f"name {name!r} is not defined: it is no column and no variable")
    value = values[name]
    return value if isinstance(value, np.ndarray) else _constant(value)


def _constant(value: Any) -> Any:
    """Return a number as numpy's: arithmetic on those is bounded, Python's integers grow without limit."""
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return _wide(np.asarray(value))[()]
    if isinstance(value, (str, bytes)):
        return np.bytes_(value.encode() if isinstance(value, str) else value)
    raise TypeError(f"a condition cannot have {value!r} in it")


def _wide(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def column(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a column as conditions see it: integers with 64 bits, so that they do not overflow."""
    if array.ndim != 1:
        raise NotImplementedError(
            f"the column {name!r} has several values in a row; conditions take single ones"
        )
    return _wide(array)

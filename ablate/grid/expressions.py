"""Conditions written as formulas over fields, such as ``model.width % model.heads != 0``.

Python's parser reads them, a list of allowed nodes checks them, and small closures evaluate them; nothing is ever
passed to ``eval``. Allowed are numbers, texts, ``true``, ``false``, ``null``, paths, ``+ - * / // % **``, comparisons,
``in [...]``, ``and``, ``or``, ``not`` and brackets.
"""

import ast
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ablate.core import describe

from .paths import MISSING, matches

Lookup = Callable[[str], Any]
"""Gives the value at a path, or `MISSING`."""

MAX_LENGTH = 500
MAX_PARTS = 200
MAX_BITS = 1024
"""Largest integer that a power or product may give, in bits."""

_Code = Callable[[Lookup], Any]

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_WORDS = {"true": True, "false": False, "null": None}
_INSTEAD = (
    ("&&", "write `and` instead of `&&`"),
    ("||", "write `or` instead of `||`"),
    ("!", "write `not` for a negation and `!=` for a difference"),
    ("=", "write `==` to compare"),
)


class ExpressionError(ValueError):
    """An expression is not one, or cannot be worked out."""


class _UnsetError(Exception):
    """A field is not set in this configuration."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition that has been read."""

    text: str
    paths: tuple[str, ...]
    """The fields that it looks at, in order of appearance."""
    _code: _Code

    def holds(self, lookup: Lookup) -> bool:
        """Whether the condition is true. It is false where one of the fields that decide it is not set.

        Raises:
            ExpressionError: it compares a text with a number, divides by zero, or gives no truth value.
        """
        try:
            result = self._code(lookup)
        except _UnsetError:
            return False
        except (ArithmeticError, RecursionError) as error:
            message = f"it cannot be worked out: {error}"
            raise ExpressionError(message) from None
        if not isinstance(result, bool):
            message = f"it gives {describe(result)}, not true or false; compare it with something"
            raise ExpressionError(message)
        return result


def read_expression(text: str) -> Expression:
    """Read a condition.

    Raises:
        ExpressionError: with what is wrong and what to write instead.
    """
    if len(text) > MAX_LENGTH:
        message = f"an expression has at most {MAX_LENGTH} characters; split it into several"
        raise ExpressionError(message)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ExpressionError(_syntax_message(text, error)) from None
    if sum(1 for _ in ast.walk(tree)) > MAX_PARTS:
        message = "the expression has too many parts; split it into several"
        raise ExpressionError(message)
    reader = _Reader()
    code = reader.read(tree.body)
    return Expression(text, tuple(dict.fromkeys(reader.paths)), code)


def _syntax_message(text: str, error: BaseException) -> str:
    plain = text.replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "")
    for sign, repair in _INSTEAD:
        if sign in plain:
            return f"{text.strip()!r} is not an expression: {repair}"
    place = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
    return f"{text.strip()!r} is not an expression{place}; write a comparison such as `model.width > 64`"


class _Reader:
    def __init__(self) -> None:
        self.paths: list[str] = []

    def read(self, node: ast.expr) -> _Code:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return lambda _: value
            case ast.Name(id=word) if word in _WORDS:
                return lambda _: _WORDS[word]
            case ast.Name() | ast.Attribute():
                return self._field(node)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                parts = [self.read(item) for item in items]
                return lambda lookup: [part(lookup) for part in parts]
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                code = self.read(inner)
                return lambda lookup: not _truth(code(lookup))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                code = self.read(inner)
                return lambda lookup: -_number(code(lookup))
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                code = self.read(inner)
                return lambda lookup: _number(code(lookup))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _arithmetic(type(op), self.read(left), self.read(right))
            case ast.BoolOp(op=op, values=values):
                codes = [self.read(value) for value in values]
                combine = all if isinstance(op, ast.And) else any
                return lambda lookup: combine(_truth(code(lookup)) for code in codes)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._comparison(left, ops, others)
            case _:
                message = (
                    f"`{ast.unparse(node)}` is not allowed; an expression has numbers, texts, field paths, "
                    "+ - * / // % **, comparisons, in, and, or, not"
                )
                raise ExpressionError(message)

    def _field(self, node: ast.expr) -> _Code:
        names: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            message = f"`{ast.unparse(node)}` is not a field path"
            raise ExpressionError(message)
        path = ".".join([inner.id, *reversed(names)])
        self.paths.append(path)

        def code(lookup: Lookup) -> Any:
            value = lookup(path)
            if value is MISSING:
                raise _UnsetError
            return value

        return code

    def _comparison(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> _Code:
        codes = [self.read(left), *map(self.read, others)]
        tests = [_comparator(op) for op in ops]

        def code(lookup: Lookup) -> bool:
            one = codes[0](lookup)
            for test, other in zip(tests, codes[1:], strict=True):
                two = other(lookup)
                if not test(one, two):
                    return False
                one = two
            return True

        return code


def _comparator(op: ast.cmpop) -> Callable[[Any, Any], bool]:
    match op:
        case ast.Eq():
            return _equal
        case ast.NotEq():
            return lambda one, two: not _equal(one, two)
        case ast.In():
            return _inside
        case ast.NotIn():
            return lambda one, two: not _inside(one, two)
        case _ if type(op) in _ORDER:
            return _ordering(_ORDER[type(op)])
        case _:
            message = "`is` is not allowed; write `==` to compare"
            raise ExpressionError(message)


def _equal(one: Any, two: Any) -> bool:
    return matches(one, two) or matches(two, one)


def _inside(one: Any, many: Any) -> bool:
    if not isinstance(many, list):
        message = f"`in` wants a list such as [1, 2] on its right, got {describe(many)}"
        raise ExpressionError(message)
    return any(_equal(one, item) for item in many)


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(one: Any, two: Any) -> bool:
        if isinstance(one, str) and isinstance(two, str):
            return compare(one, two)
        return compare(_number(one), _number(two))

    return ordered


def _arithmetic(op: type[ast.operator], left: _Code, right: _Code) -> _Code:
    apply = _ARITHMETIC[op]

    def code(lookup: Lookup) -> int | float:
        one, two = _number(left(lookup)), _number(right(lookup))
        if op is ast.Pow and isinstance(one, int) and isinstance(two, int) and two > 0:
            bits = one.bit_length() * two
        else:
            bits = one.bit_length() + two.bit_length() if isinstance(one, int) and isinstance(two, int) else 0
        if bits > MAX_BITS:
            message = "a number in it becomes too large; write decimal numbers such as 1e6"
            raise ExpressionError(message)
        return _number(apply(one, two))

    return code


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"it needs a number where it has {describe(value)}"
        raise ExpressionError(message)
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        message = f"`and`, `or` and `not` need true or false, got {describe(value)}"
        raise ExpressionError(message)
    return value

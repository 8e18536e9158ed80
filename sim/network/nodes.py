"""Nodes of an expression: immutable, and stored once.

Two expressions with the same structure are one object (hash-consing), so that equality is `is`, a dictionary keyed by
nodes finds common subexpressions for free, and a sum of ten thousand terms shares what its terms share. The table of
living nodes holds them weakly; an expression that nobody uses any more leaves memory.

Trees are as deep as a flat sum is long, so nothing here or in the neighbouring files walks them by recursion:
`postorder` is the way.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TypeVar
from weakref import WeakValueDictionary

__all__ = [
    "COMPARISONS",
    "FUNCTIONS",
    "Add",
    "Binary",
    "Call",
    "Compare",
    "Divide",
    "Expression",
    "Multiply",
    "Negate",
    "Number",
    "Power",
    "Subtract",
    "Symbol",
    "children",
    "postorder",
]

# Function -> the least and the greatest number of arguments. `min` and `max` are bounded because their derivative
# nests one level for each argument.
FUNCTIONS: dict[str, tuple[int, int]] = {
    "exp": (1, 1),
    "log": (1, 1),
    "sqrt": (1, 1),
    "abs": (1, 1),
    "tanh": (1, 1),
    "min": (2, 100),
    "max": (2, 100),
    "where": (3, 3),
}
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

Label = float | str
Node = TypeVar("Node", bound="Expression")

_NODES: WeakValueDictionary[tuple[type, Label, tuple[Expression, ...]], Expression] = WeakValueDictionary()
# Re-entrant, because a garbage collection within the locked region may run code that makes expressions.
_LOCK = threading.RLock()


def _intern(kind: type[Node], label: Label, operands: tuple[Expression, ...]) -> Node:
    """Return the one node of this kind, label and operands, making it when there is none."""
    key = (kind, label, operands)
    with _LOCK:
        known: Any = _NODES.get(key)
        if known is not None:
            found: Node = known
            return found
        node = object.__new__(kind)
        object.__setattr__(node, "label", label)
        object.__setattr__(node, "children", operands)
        object.__setattr__(node, "_symbols", None)
        _NODES[key] = node
        return node


class Expression:
    """A number, a name, or an operation on expressions.

    Attributes
    ----------
    children : tuple of Expression
        The operands, from left to right.
    label : float or str
        What a node holds besides its operands: the value of a number, the name of a symbol or function, the sign of
        a comparison; an empty string for the others.

    Notes
    -----
    Equal structure is the same object: compare with ``is``.
    """

    __slots__ = ("__weakref__", "_symbols", "children", "label")

    children: tuple[Expression, ...]
    label: Label
    _symbols: frozenset[str] | None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: nodes are shared."""
        raise AttributeError(f"expressions cannot be changed ({name} was to be set)")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: nodes are shared."""
        raise AttributeError(f"expressions cannot be changed ({name} was to be deleted)")

    @property
    def symbols(self) -> frozenset[str]:
        """Names that occur in the expression."""
        names = self._symbols
        if names is None:
            names = frozenset(node.name for node in postorder([self]) if isinstance(node, Symbol))
            object.__setattr__(self, "_symbols", names)
        return names

    def __str__(self) -> str:
        """Return the text that `parse` turns back into this expression."""
        from sim.network.printing import to_text

        return to_text(self)

    def __repr__(self) -> str:
        """Return the kind and the text, shortened to a line."""
        text = str(self)
        return f"<{type(self).__name__} {text if len(text) <= 80 else text[:77] + '...'}>"

    def __copy__(self) -> Expression:
        """Return the node itself, which cannot change."""
        return self

    def __deepcopy__(self, memo: object) -> Expression:
        """Return the node itself, which cannot change."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a flat list of nodes, since pickle would recurse into a long sum."""
        nodes = postorder([self])
        place = {node: i for i, node in enumerate(nodes)}
        flat = [(type(node), node.label, tuple(place[child] for child in node.children)) for node in nodes]
        return _restore, (flat,)


def _restore(flat: list[tuple[type[Expression], Label, tuple[int, ...]]]) -> Expression:
    """Build what `Expression.__reduce__` took apart."""
    nodes: list[Expression] = []
    for kind, label, operands in flat:
        nodes.append(_intern(kind, label, tuple(nodes[i] for i in operands)))
    return nodes[-1]


class Number(Expression):
    """A finite constant."""

    __slots__ = ()

    def __new__(cls, value: float) -> Number:
        """Return the node of `value`; minus zero is zero."""
        value = float(value) + 0.0
        if not math.isfinite(value):
            raise ValueError(f"a number in an expression is finite, not {value}")
        return _intern(cls, value, ())

    @property
    def value(self) -> float:
        """The constant."""
        return float(self.label)


class Symbol(Expression):
    """A name: of a species, a parameter, a definition, or `time`."""

    __slots__ = ()

    def __new__(cls, name: str) -> Symbol:
        """Return the node of `name`."""
        return _intern(cls, name, ())

    @property
    def name(self) -> str:
        """The name."""
        return str(self.label)


class Negate(Expression):
    """Minus an expression."""

    __slots__ = ()

    def __new__(cls, operand: Expression) -> Negate:
        """Return the node of ``-operand``."""
        return _intern(cls, "", (operand,))

    @property
    def operand(self) -> Expression:
        """What is negated."""
        return self.children[0]


class Binary(Expression):
    """An operation on two expressions."""

    __slots__ = ()

    def __new__(cls: type[Node], left: Expression, right: Expression) -> Node:
        """Return the node of ``left`` and ``right``."""
        return _intern(cls, "", (left, right))

    @property
    def left(self) -> Expression:
        """The first operand."""
        return self.children[0]

    @property
    def right(self) -> Expression:
        """The second operand."""
        return self.children[1]


class Add(Binary):
    """A sum of two."""

    __slots__ = ()


class Subtract(Binary):
    """A difference."""

    __slots__ = ()


class Multiply(Binary):
    """A product of two."""

    __slots__ = ()


class Divide(Binary):
    """A quotient."""

    __slots__ = ()


class Power(Binary):
    """A base and its exponent."""

    __slots__ = ()


class Call(Expression):
    """A function of `FUNCTIONS` and its arguments; the first argument of ``where`` is a `Compare`."""

    __slots__ = ()

    def __new__(cls, function: str, arguments: Iterable[Expression]) -> Call:
        """Return the node of ``function(*arguments)``."""
        operands = tuple(arguments)
        if function not in FUNCTIONS:
            raise ValueError(f"there is no function {function!r}")
        least, greatest = FUNCTIONS[function]
        if not least <= len(operands) <= greatest:
            raise ValueError(f"{function} takes {least} to {greatest} arguments, not {len(operands)}")
        if function == "where" and not isinstance(operands[0], Compare):
            raise ValueError("the first argument of where is a comparison")
        return _intern(cls, function, operands)

    @property
    def function(self) -> str:
        """Name of the function."""
        return str(self.label)

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """What the function is applied to."""
        return self.children


class Compare(Expression):
    """A comparison: true or false, so it stands only in ``where`` and in the conditions of events."""

    __slots__ = ()

    def __new__(cls, operator: str, left: Expression, right: Expression) -> Compare:
        """Return the node of ``left operator right``."""
        if operator not in COMPARISONS:
            raise ValueError(f"there is no comparison {operator!r}")
        return _intern(cls, operator, (left, right))

    @property
    def operator(self) -> str:
        """One of `COMPARISONS`."""
        return str(self.label)

    @property
    def left(self) -> Expression:
        """The left-hand side."""
        return self.children[0]

    @property
    def right(self) -> Expression:
        """The right-hand side."""
        return self.children[1]


def children(expression: Expression) -> tuple[Expression, ...]:
    """Return the operands of `expression`, from left to right."""
    return expression.children


def postorder(expressions: Iterable[Expression]) -> list[Expression]:
    """Return every node of `expressions` once, operands before what uses them.

    Parameters
    ----------
    expressions : iterable of Expression
        Roots; nodes that they share are listed once.

    Returns
    -------
    list of Expression
        In the order in which a generated program would compute them.
    """
    done: set[Expression] = set()
    order: list[Expression] = []
    for root in expressions:
        if root in done:
            continue
        stack: list[tuple[Expression, Iterator[Expression]]] = [(root, iter(root.children))]
        done.add(root)
        while stack:
            node, rest = stack[-1]
            for child in rest:
                if child not in done:
                    done.add(child)
                    stack.append((child, iter(child.children)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order

"""Straight-line programs from expressions: each shared subexpression computed once, names turned into places in arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sim.network.expression import Call, Compare, Expression, Power, node_source

INLINE_LENGTH = 300
"""A subexpression used once is written in place up to this many characters; longer ones get a name of their own."""


@dataclass
class Places:
    """Where each name of a network lives: x, p, d (named sums that hazards need), a (made of parameters alone)."""

    species: dict[str, int]
    parameters: dict[str, int]
    definitions: dict[str, Expression]
    fixed: frozenset[str]
    sums: dict[str, int]
    hoisted: dict[Expression, int] = field(default_factory=dict)

    def is_fixed(self, node: Expression) -> bool:
        """Tell whether a node is made of parameters alone."""
        return node.symbols <= self.fixed

    def hoist(self, node: Expression) -> str:
        """Return the place in `a` of an expression of parameters alone."""
        return f"a[{self.hoisted_place(node)}]"

    def hoisted_place(self, node: Expression) -> int:
        """Return the number of an expression of parameters alone among those in `a`."""
        return self.hoisted.setdefault(node, len(self.hoisted))


def source_of(node: Expression, operands: list[str]) -> str:
    """Return the source of a node; least and greatest of numbers are NaN when one of them is, as in `evaluate`."""
    if isinstance(node, Call) and node.function in ("min", "max"):
        name = "minimum" if node.function == "min" else "maximum"
        source = operands[0]
        for operand in operands[1:]:
            source = f"{name}({source}, {operand})"
        return source
    return node_source(node, operands)


def write_program(
    targets: Sequence[tuple[str, Expression]],
    leaf: Callable[[Expression], str | None],
    write: Callable[[Expression, list[str]], str] = source_of,
) -> list[str]:
    """Write assignments that compute the targets, each shared subexpression once.

    Parameters
    ----------
    targets : sequence of (left-hand side, Expression)
        In the order in which they are assigned.
    leaf : callable
        Text of a node that is not computed here (a number, a place), None for the others.
    write : callable
        Source of a node from the sources of its children.

    Returns
    -------
    list of str
        Lines of Python without indentation.
    """
    lines: list[str] = []
    text: dict[Expression, str] = {}
    order: list[tuple[Expression, str | None]] = []
    users: dict[Expression, int] = {}
    seen: set[Expression] = set()
    for left, root in targets:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append((node, None))
            elif node not in seen:
                seen.add(node)
                known = leaf(node)
                if known is not None:
                    text[node] = known
                    continue
                stack.append((node, True))
                uses = 2 if isinstance(node, Power) else 1  # a power is written as a product
                for child in node.children:
                    users[child] = users.get(child, 0) + uses
                stack.extend((child, False) for child in reversed(node.children))
        users[root] = users.get(root, 0) + 1
        order.append((root, left))
    for node, target in order:
        if target is not None:
            lines.append(f"{target} = {text[node]}")
            continue
        source = write(node, [text[child] for child in node.children])
        if isinstance(node, Compare) or (users[node] == 1 and len(source) <= INLINE_LENGTH):
            text[node] = source
        else:
            text[node] = f"v{len(lines)}"
            lines.append(f"{text[node]} = {source}")
    return lines

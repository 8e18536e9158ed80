"""Expression to text, LaTeX and Python source.

All three printers write from left to right with a list of what is still to be written, so that a long sum takes linear
time and no recursion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from sim.network.nodes import (
    Add,
    Call,
    Compare,
    Divide,
    Expression,
    Multiply,
    Negate,
    Number,
    Power,
    Subtract,
    Symbol,
)

__all__ = ["latex_name", "node_source", "number_text", "to_latex", "to_python", "to_text"]

# How tightly a node holds together; the same scale as the parser's.
_COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = 1, 2, 3, 4, 5, 6
_LEVELS: dict[type[Expression], int] = {
    Compare: _COMPARE,
    Add: _SUM,
    Subtract: _SUM,
    Multiply: _PRODUCT,
    Divide: _PRODUCT,
    Negate: _SIGN,
    Power: _POWER,
}
_SIGNS: dict[type[Expression], str] = {Add: "+", Subtract: "-", Multiply: "*", Divide: "/", Power: "**"}
# Level that an operand must have on the left and on the right to go without brackets.
_OPERANDS: dict[type[Expression], tuple[int, int]] = {
    Compare: (_SUM, _SUM),
    Add: (_SUM, _PRODUCT),
    Subtract: (_SUM, _PRODUCT),
    Multiply: (_PRODUCT, _POWER),
    Divide: (_PRODUCT, _POWER),
    Power: (_ATOM, _SIGN),
}

Piece = str | Expression


def _write(expression: Expression, pieces_of: Callable[[Expression], list[Piece]]) -> str:
    """Expand nodes into pieces, from left to right, until only text is left."""
    written: list[str] = []
    waiting: list[Piece] = [expression]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            written.append(piece)
        else:
            waiting.extend(reversed(pieces_of(piece)))
    return "".join(written)


def number_text(value: float) -> str:
    """Return a short text that is read back as `value`: ``1e9`` and ``2.5e-7``, but ``1000`` and ``0.001``."""
    plain = repr(value).removesuffix(".0")
    if 1e-3 <= abs(value) < 1e6 or not math.isfinite(value):
        return plain
    # As many digits as it takes to be exact, which for a double are never more than 17.
    digits = next(text for text in (f"{value:.{n}e}" for n in range(17)) if float(text) == value)
    mantissa, exponent = digits.split("e")
    scientific = f"{mantissa}e{int(exponent)}"
    return scientific if len(scientific) < len(plain) else plain


def _level(node: Expression) -> int:
    """Return how tightly the text of `node` holds together."""
    if isinstance(node, Number) and node.value < 0:
        return _SIGN
    return _LEVELS.get(type(node), _ATOM)


def _bracketed(node: Expression, level: int) -> list[Piece]:
    """Return `node`, in brackets when it holds together less tightly than `level` asks."""
    return [node] if _level(node) >= level else ["(", node, ")"]


def to_text(expression: Expression) -> str:
    """Return the text of `expression` with the fewest brackets; `parse` returns the same object for it.

    Examples
    --------
    >>> from sim.network.expression import parse
    >>> to_text(parse("((a*b) + (-(c)))**2"))
    '(a*b + (-c))**2'
    """
    return _write(expression, _text_pieces)


def _text_pieces(node: Expression) -> list[Piece]:
    if isinstance(node, Number):
        return [number_text(node.value)]
    if isinstance(node, Symbol):
        return [node.name]
    if isinstance(node, Negate):
        # A sign before a bare number would be read as part of the number.
        bare = isinstance(node.operand, Number)
        return ["-(", node.operand, ")"] if bare else ["-", *_bracketed(node.operand, _POWER)]
    if isinstance(node, Call):
        return [node.function, "(", *_separated(node.children, ", "), ")"]
    left_level, right_level = _OPERANDS[type(node)]
    left, right = node.children
    sign = _SIGNS.get(type(node)) or str(node.label)
    space = " " if isinstance(node, (Add, Subtract, Compare)) else ""
    right_pieces = _bracketed(right, right_level)
    if isinstance(node, (Add, Subtract)) and _level(right) == _SIGN:
        right_pieces = ["(", right, ")"]  # not needed to be read, but a + -b is hard to read
    return [*_bracketed(left, left_level), f"{space}{sign}{space}", *right_pieces]


def _separated(nodes: tuple[Expression, ...], separator: str) -> list[Piece]:
    """Return the nodes with a separator between them."""
    pieces: list[Piece] = []
    for i, node in enumerate(nodes):
        pieces += [separator, node] if i else [node]
    return pieces


# --- LaTeX ---------------------------------------------------------------------------------------------------------

_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_GREEK = frozenset(_GREEK_NAMES.split())
_LATEX_COMPARISONS = {"<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "==": "=", "!=": r"\ne"}
_LATEX_FUNCTIONS = {"exp": r"\exp", "log": r"\ln", "tanh": r"\tanh", "min": r"\min", "max": r"\max"}


def latex_name(name: str) -> str:
    r"""Return a name as LaTeX: a letter with short subscripts as a symbol, everything else upright as it is written.

    Examples
    --------
    >>> print(latex_name("r_L"), latex_name("mu"), latex_name("k1"), latex_name("total_birth"))
    r_{L} \mu k_{1} \mathrm{total\_birth}
    """
    head, *subscripts = name.split("_")
    numbered = re.fullmatch(r"([A-Za-z]+?)([0-9]+)", head)
    if numbered:
        head, subscripts = numbered[1], [numbered[2], *subscripts]
    is_symbol = len(head) == 1 or head in _GREEK
    if not is_symbol or len(subscripts) > 2 or not all(_is_short(word) for word in subscripts):
        escaped = name.replace("_", r"\_")
        return rf"\mathrm{{{escaped}}}"
    letter = _latex_word(head)
    return f"{letter}_{{{', '.join(_latex_word(word) for word in subscripts)}}}" if subscripts else letter


def _is_short(word: str) -> bool:
    """Tell whether part of a name makes a subscript; ``b_cells`` is a word and no b with a subscript."""
    return 1 <= len(word) <= 3 or word.isdigit() or word in _GREEK


def _latex_word(word: str) -> str:
    """Return a part of a name as LaTeX."""
    if word in _GREEK:
        return rf"\{word}"
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word}}}"


def _latex_number(value: float) -> str:
    """Return a number as LaTeX, with a power of ten where `number_text` has an exponent."""
    mantissa, _, exponent = number_text(value).partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    if mantissa in ("1", "-1"):
        return power if mantissa == "1" else f"-{power}"
    return rf"{mantissa} \times {power}"


def to_latex(expression: Expression, names: Mapping[str, str] | None = None) -> str:
    r"""Return `expression` as LaTeX for mathematics mode.

    Parameters
    ----------
    expression : Expression
        What to print.
    names : mapping of str to str, optional
        LaTeX of symbols that `latex_name` should not print.

    Examples
    --------
    >>> from sim.network.expression import parse
    >>> print(to_latex(parse("r_L*L/(K + L)")))
    \frac{r_{L} \, L}{K + L}
    """
    chosen = names or {}
    return _write(expression, lambda node: _latex_pieces(node, chosen))


def _latex_level(node: Expression) -> int:
    """Return how tightly the LaTeX of `node` holds together."""
    if isinstance(node, Number) and "e" in number_text(node.value):
        return _PRODUCT if node.value >= 0 else _SUM
    if isinstance(node, Divide) or (isinstance(node, Power) and _is_half(node.right)):
        return _POWER
    return _level(node)


def _latex_bracketed(node: Expression, level: int) -> list[Piece]:
    return [node] if _latex_level(node) >= level else [r"\left(", node, r"\right)"]


def _latex_pieces(node: Expression, names: Mapping[str, str]) -> list[Piece]:
    if isinstance(node, Number):
        return [_latex_number(node.value)]
    if isinstance(node, Symbol):
        return [names.get(node.name) or latex_name(node.name)]
    if isinstance(node, Negate):
        bare = isinstance(node.operand, Negate)
        return ["-", *_latex_bracketed(node.operand, _ATOM if bare else _PRODUCT)]
    if isinstance(node, Call):
        return _latex_call(node)
    left, right = node.children
    if isinstance(node, Divide):
        return [r"\frac{", left, "}{", right, "}"]
    if isinstance(node, Power):
        if _is_half(right):
            return [r"\sqrt{", left, "}"]
        return [*_latex_bracketed(left, _ATOM), "^{", right, "}"]
    if isinstance(node, Compare):
        return [left, f" {_LATEX_COMPARISONS[node.operator]} ", right]
    if isinstance(node, Multiply):
        sign = r" \cdot " if _begins_with_number(right) else r" \, "
        return [*_latex_bracketed(left, _PRODUCT), sign, *_latex_bracketed(right, _POWER)]
    right_pieces: list[Piece] = _latex_bracketed(right, _PRODUCT)
    if _level(right) == _SIGN:
        right_pieces = [r"\left(", right, r"\right)"]
    return [left, f" {_SIGNS[type(node)]} ", *right_pieces]


def _latex_call(node: Call) -> list[Piece]:
    function, operands = node.function, node.children
    if function == "sqrt":
        return [r"\sqrt{", *operands, "}"]
    if function == "abs":
        return [r"\left|", *operands, r"\right|"]
    if function == "where":
        condition, yes, no = operands
        head = r"\begin{cases} "
        return [head, yes, r" & \text{if } ", condition, r" \\ ", no, r" & \text{otherwise} \end{cases}"]
    return [_LATEX_FUNCTIONS[function], r"\left(", *_separated(operands, ", "), r"\right)"]


def _is_half(node: Expression) -> bool:
    return isinstance(node, Number) and node.value == 0.5


def _begins_with_number(node: Expression) -> bool:
    """Tell whether the LaTeX of a right-hand factor begins with a digit."""
    while isinstance(node, Power):
        node = node.left
    return isinstance(node, Number)


# --- Python source for compiled code -------------------------------------------------------------------------------


def node_source(node: Expression, operands: list[str]) -> str:
    """Return Python source of one node, given the source of its operands.

    Parameters
    ----------
    node : Expression
        Any node but a symbol, whose source is the caller's.
    operands : list of str
        Source of each of ``node.children``: names of temporaries, or bracketed source.

    Returns
    -------
    str
        Source that needs the module `math` alone. It is bracketed wherever it is not a call or a plain number, so that
        it can be an operand itself. Powers with a whole exponent from -4 to 4 are products, ``a**0.5`` is a square root.

    Examples
    --------
    >>> from sim.network.expression import parse
    >>> node_source(parse("a**3"), ["t1"])
    '(t1*t1*t1)'
    """
    if isinstance(node, Number):
        return repr(node.value) if node.value >= 0 else f"({node.value!r})"
    if isinstance(node, Negate):
        return f"(-{operands[0]})"
    if isinstance(node, Power):
        return _power_source(node, operands)
    if isinstance(node, Compare):
        return f"({operands[0]} {node.operator} {operands[1]})"
    if isinstance(node, Call):
        return _call_source(node.function, operands)
    space = " " if isinstance(node, (Add, Subtract)) else ""
    return f"({operands[0]}{space}{_SIGNS[type(node)]}{space}{operands[1]})"


def _power_source(node: Power, operands: list[str]) -> str:
    base = operands[0]
    exponent = node.right.value if isinstance(node.right, Number) else None
    if exponent == 0.5:
        return f"math.sqrt({base})"
    if exponent is not None and exponent.is_integer() and 1 <= abs(exponent) <= 4:
        product = "*".join([base] * int(abs(exponent)))
        return f"({product})" if exponent > 0 else f"(1.0/({product}))"
    return f"({base}**{operands[1]})"


def _call_source(function: str, operands: list[str]) -> str:
    if function == "where":
        condition, yes, no = operands
        return f"({yes} if {condition} else {no})"
    if function in ("min", "max"):
        source = operands[-1]
        for operand in operands[-2::-1]:
            source = f"{function}({operand}, {source})"
        return source
    return f"abs({operands[0]})" if function == "abs" else f"math.{function}({operands[0]})"


def to_python(expression: Expression, render: Callable[[str], str]) -> str:
    """Return `expression` as one line of Python source that numba compiles.

    Parameters
    ----------
    expression : Expression
        What to print. Use `postorder` and `node_source` instead where parts are shared, or where a sum is so long that
        Python would not compile it in one line (about a thousand terms).
    render : callable
        Source of a name, for example ``"x[3]"``; bracketed when it is not a plain operand.

    Returns
    -------
    str
        Source that needs the module `math` alone. A base that is itself an operation keeps ``**`` with a whole exponent,
        which numba unrolls, since writing it out twice would grow the source without bound. Unlike in `evaluate`, a NaN
        that is not the first argument of `min` or `max` is dropped.

    Examples
    --------
    >>> from sim.network.expression import parse
    >>> to_python(parse("k*X**2*exp(-a/b)"), lambda name: f"p_{name}")
    '((p_k*(p_X*p_X))*math.exp(((-p_a)/p_b)))'
    """
    return _write(expression, lambda node: _python_pieces(node, render))


def _python_pieces(node: Expression, render: Callable[[str], str]) -> list[Piece]:
    if isinstance(node, Symbol):
        return [render(node.name)]
    if (
        isinstance(node, Power)
        and isinstance(node.right, Number)
        and not isinstance(node.left, (Symbol, Number))
    ):
        exponent = node.right.value
        if exponent.is_integer() and 1 <= abs(exponent) <= 4:
            # Not ** with a negative literal: compiled, that raises for a base of zero whatever the error model.
            whole: list[Piece] = ["(", node.left, f"**{int(abs(exponent))})"]
            return whole if exponent > 0 else ["(1.0/", *whole, ")"]
    if isinstance(node, Power) and isinstance(node.left, Symbol):
        source = node_source(node, [render(node.left.name), "\0"])
        return _filled(source, {"\0": node.right})
    # Operands stand for themselves by place marks, which no source contains, and are written when their turn comes.
    marks = {chr(0xE000 + i): child for i, child in enumerate(node.children)}
    return _filled(node_source(node, list(marks)), marks)


def _filled(source: str, marks: Mapping[str, Expression]) -> list[Piece]:
    """Cut source at its place marks and put the operands there."""
    return [marks.get(part, part) for part in re.split("([\0\ue000-\ue0ff])", source) if part]

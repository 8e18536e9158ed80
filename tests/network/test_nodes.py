"""Expressions are shared, cannot be changed, and may be long."""

from __future__ import annotations

import copy
import gc
import math
import pickle  # noqa: TID251 - what worker processes hand over is read back within this test
import threading

import pytest

from sim.network import nodes
from sim.network.expression import (
    Call,
    Compare,
    Expression,
    Multiply,
    Number,
    Symbol,
    add,
    children,
    differentiate,
    divide_out,
    evaluate,
    parse,
    postorder,
    substitute,
    to_latex,
    to_python,
    to_text,
)


def test_equal_structure_is_one_object() -> None:
    assert parse("a*(b + 1)") is parse("a * ( b+1.0 )")
    assert parse("a + b") is not parse("b + a")
    assert Number(-0.0) is Number(0) is parse("-0")


def test_nodes_that_nobody_uses_leave_memory() -> None:
    before = len(nodes._NODES)
    expression = parse("+".join(f"unused_{i}" for i in range(1000)))
    assert len(nodes._NODES) >= before + 1999
    del expression
    gc.collect()
    assert len(nodes._NODES) <= before


def test_nodes_cannot_be_changed() -> None:
    node = parse("a + b")
    with pytest.raises(AttributeError, match="cannot be changed"):
        node.label = "x"
    with pytest.raises(AttributeError, match="cannot be changed"):
        del node.children


def test_copies_and_pickles_are_the_object_itself() -> None:
    expression = parse("where(a < b, -2*a, exp(b)**c)")
    assert copy.copy(expression) is copy.deepcopy(expression) is expression
    assert pickle.loads(pickle.dumps(expression)) is expression  # noqa: S301


def test_threads_make_one_object() -> None:
    results: list[list[Expression]] = [[] for _ in range(4)]
    barrier = threading.Barrier(4)

    def work(i: int) -> None:
        barrier.wait()
        results[i] = [parse(f"thread_a{k}*thread_b{k} + {k}") for k in range(200)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for row in zip(*results, strict=True):
        assert all(one is row[0] for one in row)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Number(math.inf), "finite"),
        (lambda: Number(math.nan), "finite"),
        (lambda: Call("sin", [Symbol("x")]), "no function 'sin'"),
        (lambda: Call("exp", []), "exp takes 1 to 1 arguments, not 0"),
        (lambda: Call("where", [Symbol("x")] * 3), "first argument of where"),
        (lambda: Compare("<>", Symbol("x"), Symbol("y")), "no comparison '<>'"),
    ],
)
def test_a_node_that_means_nothing_cannot_be_made(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_postorder_lists_shared_nodes_once_and_operands_first() -> None:
    first, second = parse("(a + b)*exp(a + b)"), parse("(a + b)**2")
    order = postorder([first, second, first])
    assert len(order) == len(set(order)) == 7
    place = {node: i for i, node in enumerate(order)}
    assert all(place[child] < place[node] for node in order for child in children(node))


def test_substitution_is_simultaneous_and_not_repeated() -> None:
    expression = parse("a*b + exp(a)")
    assert substitute(expression, {"a": Symbol("b"), "b": Symbol("a")}) is parse("b*a + exp(b)")
    assert substitute(expression, {"a": parse("a + 1")}) is parse("(a + 1)*b + exp(a + 1)")
    assert substitute(expression, {"c": Number(1)}) is expression
    assert substitute(parse("where(a < 1, x, y)"), {"a": Number(0)}) is Symbol("x")


def test_a_flat_sum_of_ten_thousand_terms_works_throughout() -> None:
    text = "+".join(f"k{i % 10}*x{i % 100}" for i in range(10_000))
    expression = parse(text)
    values = dict.fromkeys(expression.symbols, 1.0)
    assert len(expression.symbols) == 110
    assert evaluate(expression, values) == 10_000
    assert evaluate(differentiate(expression, "x3"), values) == 100
    assert parse(to_text(expression)) is expression
    assert to_latex(expression).count("+") == 9_999
    assert to_python(expression, lambda name: name).count("+") == 9_999
    assert evaluate(substitute(expression, {"k0": Number(0)}), values) == 9_000
    assert divide_out(Multiply(Symbol("y"), expression), "y") is expression
    assert pickle.loads(pickle.dumps(expression)) is expression  # noqa: S301


def test_the_longest_text_is_read_in_linear_time() -> None:
    expression = parse("-".join(["x"] * 50_000))
    assert evaluate(expression, {"x": 1.0}) == 2 - 50_000
    assert divide_out(expression, "x") is Number(2 - 50_000)


def test_adding_up_uses_no_recursion() -> None:
    total: Expression = Number(0)
    for i in range(5_000):
        total = add(total, Symbol(f"s{i}"))
    assert len(total.symbols) == 5_000

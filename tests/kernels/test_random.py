"""Philox against Random123's published answers, xoshiro256++ against big integers, and the streams' independence."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from sim.kernels import random
from sim.kernels._jit import jit, jit_allocating

WORD = (1 << 64) - 1


def stream(seed=1, patient=0, replicate=0, purpose=0):
    state = np.zeros(random.STATE_WORDS, dtype=np.uint64)
    random.seed_stream(state, np.uint64(seed), patient, replicate, purpose)
    return state


def rotate(x, k):
    return ((x << k) | (x >> (64 - k))) & WORD


def xoshiro_reference(words, count):
    """Return the outputs of xoshiro256++ in unbounded integers, as its authors print it."""
    s = list(words)
    outputs = []
    for _ in range(count):
        outputs.append((rotate((s[0] + s[3]) & WORD, 23) + s[0]) & WORD)
        shifted = (s[1] << 17) & WORD
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate(s[3], 45)
    return outputs


# kat_vectors of Random123 1.14 (philox4x32, 10 rounds): counter, key, image.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words_of(text):
    return [np.uint64(int(word, 16)) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "image"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, image):
    assert list(random.philox4x32_10(*words_of(counter), *words_of(key))) == words_of(image)


def test_xoshiro_agrees_with_unbounded_integers():
    # The second state makes every addition carry out of the top bit.
    for words in (
        [1, 2, 3, 4],
        [WORD, WORD - 1, 1 << 63, WORD],
        [0, 0, 0, 1],
        stream(9, 8, 7, 6)[:4].tolist(),
    ):
        state = np.zeros(random.STATE_WORDS, dtype=np.uint64)
        state[:4] = words
        drawn = [int(random.next_u64(state)) for _ in range(1000)]
        assert drawn == xoshiro_reference(words, 1000)
        assert not state[4:].any()


def test_masked_addition_is_addition_modulo_2_to_64():
    ends = [0, 1, (1 << 63) - 1, 1 << 63, WORD - 1, WORD]
    for a in ends:
        for b in ends:
            assert int(random._add_masked(np.uint64(a), np.uint64(b))) == (a + b) & WORD


def test_uniform_uses_the_top_bits_and_stays_open():
    for words, top in (([0, 0, 0, 1], 1 << 23), ([5, 9, 2, 7], None)):
        state = np.zeros(random.STATE_WORDS, dtype=np.uint64)
        state[:4] = words
        expected = xoshiro_reference(words, 1)[0]
        assert top is None or expected == top
        assert random.uniform(state) == ((expected >> 11) | 1) / 2**53
    # The extreme words give the extreme values, neither of them an end of the interval.
    assert 0.0 < (0 | 1) / 2**53
    assert ((WORD >> 11) | 1) / 2**53 < 1.0


def test_every_part_of_the_key_gives_another_stream():
    keys = [(1, 0, 0, 0), (2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1), (1 + (1 << 32), 0, 0, 0)]
    states = {tuple(stream(*key)[:4].tolist()) for key in keys}
    assert len(states) == len(keys)
    assert stream(*keys[0]).tolist() == stream(*keys[0]).tolist()


def test_no_key_gives_the_state_that_xoshiro_never_leaves(monkeypatch):
    # The plain-Python source, with a Philox that returns zeros.
    source = getattr(random.seed_stream, "py_func", random.seed_stream)
    monkeypatch.setitem(source.__globals__, "philox4x32_10", lambda *_: (np.uint64(0),) * 4)
    state = np.ones(random.STATE_WORDS, dtype=np.uint64)
    source(state, 1, 2, 3, 4)
    assert state[:4].any()


@jit_allocating
def first_uniforms(out, count):
    state = np.zeros(16, dtype=np.uint64)
    for patient in range(count):
        random.seed_stream(state, np.uint64(1), patient, 0, 0)
        out[patient] = random.uniform(state)


@jit
def fill_uniforms(state, out):
    for i in range(out.size):
        out[i] = random.uniform(state)


def test_uniforms_are_uniform_along_a_stream_and_across_patients():
    # Four tests at 2.5e-7 each: 1e-6 for the family. n = 2e5 shows a distortion of the distribution function of 0.0063 (KS).
    level = 1e-6 / 4
    along = np.empty(200_000)
    fill_uniforms(stream(), along)
    across = np.empty(200_000)
    first_uniforms(across, across.size)
    for values in (along, across):
        assert stats.kstest(values, "uniform").pvalue > level
        # Neighbours do not know each other: the correlation of n pairs has standard error 1/sqrt(n).
        correlation = np.corrcoef(values[:-1], values[1:])[0, 1]
        assert 2 * stats.norm.sf(abs(correlation) * np.sqrt(values.size)) > level
    # Negative control: a power so close to one that the eye would not see it.
    assert stats.kstest(along**1.03, "uniform").pvalue < level


def test_plain_python_and_compiled_code_give_the_same_bits():
    program = (
        "import numpy as np; from sim.kernels import random as r; s = np.zeros(16, dtype=np.uint64);"
        "r.seed_stream(s, np.uint64(2**64 - 1), 2**32 - 1, 5, 1);"
        "print([int(r.next_u64(s)) for _ in range(50)], [r.uniform(s).hex() for _ in range(50)])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={**os.environ, "NUMBA_DISABLE_JIT": switch},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for switch in ("0", "1")
    ]
    assert runs[0] == runs[1]
    assert runs[0].startswith("[")

"""NumPy's streams against published answers and the compiled generator, and what a key may be."""

import numpy as np
import pytest
from scipy import stats

from sim.errors import InputError
from sim.kernels import random
from sim.network import streams

KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
ENDS = [0, 1, 2**31, 2**32 - 1]


@pytest.mark.parametrize(("counter", "key", "image"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, image):
    assert tuple(int(word) for word in streams.philox4x32_10(counter, key)) == image


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**63 + 5, 2**64 - 1])
@pytest.mark.parametrize(("replicate", "purpose"), [(0, 0), (7, 1), (2**32 - 1, 2**32 - 1)])
def test_seeds_are_those_of_the_kernels_bit_for_bit(seed, replicate, purpose):
    words = streams.seed_words(seed, ENDS, purpose, replicate=replicate)
    for row, patient in zip(words, ENDS, strict=True):
        state = np.zeros(random.STATE_WORDS, dtype=np.uint64)
        random.seed_stream(state, np.uint64(seed), patient, replicate, purpose)
        assert (state[:4] == row).all()


def test_numbers_are_the_words_of_philox_in_order():
    patient, purpose, replicate, seed = 5, 1, 3, (9 << 32) + 8
    found = streams.uniforms(seed, [patient], purpose, replicate=replicate, count=5)[0]
    words = []
    for block in range(3):
        c0, c1, c2, c3 = (int(w) for w in streams.philox4x32_10((block, purpose, replicate, patient), (8, 9)))
        words += [c0 | (c1 << 32), c2 | (c3 << 32)]
    assert found.tolist() == [((word >> 11) | 1) / 2**53 for word in words[:5]]


def test_a_patient_draws_the_same_in_any_company_and_order():
    patients = np.arange(100)
    together = streams.uniforms(1, patients, 100, count=4)
    assert (streams.uniforms(1, patients[::-1], 100, count=4) == together[::-1]).all()
    assert (streams.uniforms(1, [41], 100, count=4) == together[41]).all()
    assert (streams.uniforms(1, patients, 100, count=9)[:, :4] == together).all()
    assert (streams.uniforms(1, patients.astype(np.int32), np.int64(100), count=4) == together).all()


def test_every_part_of_the_key_gives_other_numbers():
    variants = [
        streams.uniforms(1, [2], 3, replicate=4),
        streams.uniforms(1 + 2**32, [2], 3, replicate=4),
        streams.uniforms(2, [2], 3, replicate=4),
        streams.uniforms(1, [1], 3, replicate=4),
        streams.uniforms(1, [2], 4, replicate=4),
        streams.uniforms(1, [2], 3, replicate=5),
    ]
    assert len({float(v[0, 0]) for v in variants}) == len(variants)


def test_numbers_are_uniform_across_patients_and_along_a_row():
    # Six tests at 1e-6/6 each; n = 1e5 finds a distribution function that is wrong by 0.01.
    level = 1e-6 / 6
    numbers = streams.uniforms(1, np.arange(100_000), 100, count=3)
    for column in numbers.T:
        assert stats.kstest(column, "uniform").pvalue > level
    for i, j in ((0, 1), (0, 2), (1, 2)):
        correlation = np.corrcoef(numbers[:, i], numbers[:, j])[0, 1]
        assert 2 * stats.norm.sf(abs(correlation) * np.sqrt(1e5)) > level
    assert stats.kstest(numbers[:, 0] ** 1.05, "uniform").pvalue < level


def test_nobody_and_nothing_give_empty_arrays():
    assert streams.uniforms(1, [], 0).shape == (0, 1)
    assert streams.uniforms(1, [1, 2], 0, count=0).shape == (2, 0)
    assert streams.seed_words(1, [], 0).shape == (0, 4)


def test_purposes_keep_their_numbers():
    # Append only: a purpose that changes its number changes every result.
    assert dict(streams.PURPOSES) == {
        "dynamics": 0,
        "assay": 1,
        "enrolment": 2,
        "agents": 1_000_000,
        "handing over": 2_000_000,
        "CAR T agents": 3_000_000,
        "looks at densities": 4_000_000,
    }
    with pytest.raises(TypeError):
        streams.PURPOSES["assay"] = 7  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"seed": 1.0}, "seed"),
        ({"seed": True}, "seed"),
        ({"patients": [-1]}, "patients"),
        ({"patients": [2**32]}, "patients"),
        ({"patients": [0.5]}, "patients"),
        ({"patients": [[1, 2]]}, "patients"),
        ({"purpose": -1}, "purpose"),
        ({"replicate": 2**32}, "replicate"),
        ({"replicate": "1"}, "replicate"),
        ({"count": -1}, "count"),
    ],
)
def test_impossible_keys_are_refused_in_one_line(change, name):
    key = {"seed": 1, "patients": [0], "purpose": 0, "replicate": 0, "count": 1} | change
    seed, patients, purpose = key.pop("seed"), key.pop("patients"), key.pop("purpose")
    with pytest.raises(InputError) as error:
        streams.uniforms(seed, patients, purpose, **key)
    assert str(error.value).startswith(name + ":")
    assert "\n" not in str(error.value)

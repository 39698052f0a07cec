import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hpsearch.data import transform as module
from hpsearch.data.transform import fit, moments
from hpsearch.errors import InputError

PIXELS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 8)))


@settings(deadline=None)
@given(x=PIXELS, maximum=st.sampled_from([255.0]))
def test_declared_scales_stay_in_their_range(x: np.ndarray, maximum: float) -> None:
    rows = np.arange(len(x))
    for scale, low in (("unit", 0.0), ("symmetric", -1.0)):
        found = fit(scale, x, rows, maximum)  # type: ignore[arg-type]
        scaled = x * found.multiplier + found.offset
        assert found.multiplier.dtype == found.offset.dtype == scaled.dtype == np.float32
        assert scaled.min() >= low - 1e-6
        assert scaled.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("scale", "maximum", "ends"),
    [
        ("none", 255, (0, 255)),
        ("unit", 255, (0, 1)),
        ("symmetric", 255, (-1, 1)),
        ("unit", 16, (0, 1)),
        ("symmetric", 16, (-1, 1)),
    ],
)
def test_ends_of_the_range(scale: str, maximum: float, ends: tuple[float, float]) -> None:
    x = np.array([[0, maximum]], np.uint8)
    found = fit(scale, x, np.arange(1), maximum)  # type: ignore[arg-type]
    assert (x * found.multiplier + found.offset)[0].tolist() == pytest.approx(ends, abs=1e-6)


@pytest.mark.parametrize("scale", ["unit", "symmetric"])
def test_without_a_maximum_the_cure_is_named(scale: str) -> None:
    x = np.zeros((2, 2), np.float32)
    with pytest.raises(InputError) as caught:
        fit(scale, x, np.arange(2), None)  # type: ignore[arg-type]
    for part in (f'dataset.scale = "{scale}"', "float32", '"standardize"', '"none"'):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "axes", "factor"),
    [((50, 7), 0, (7,)), ((50, 4, 3), (0, 1, 2), ()), ((50, 4, 3, 2), (0, 1, 2), (2,))],
)
def test_standardize_uses_the_given_rows_alone(
    shape: tuple[int, ...], axes: object, factor: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK_VALUES", 40)  # many small chunks
    x = np.random.default_rng(1).normal(5, 3, shape).astype(np.float32)
    rows = np.arange(0, 50, 3)
    x[1::3] = 1e6  # not among the rows
    found = fit("standardize", x, rows, None)
    assert found.multiplier.shape == found.offset.shape == factor
    scaled = x[rows] * found.multiplier + found.offset
    assert scaled.mean(axis=axes) == pytest.approx(np.zeros(factor), abs=1e-5)  # type: ignore[arg-type]
    assert scaled.std(axis=axes) == pytest.approx(np.ones(factor), abs=1e-5)  # type: ignore[arg-type]


@settings(deadline=None)
@given(
    x=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.integers(1, 4)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    chunk=st.integers(1, 30),
)
def test_moments_agree_with_numpy_however_chunked(x: np.ndarray, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_VALUES", chunk)
        mean, deviation = moments(x, np.arange(len(x)))
    exact = x.astype(np.float64)
    assert mean == pytest.approx(exact.mean(axis=0), rel=1e-9, abs=1e-6)
    varies = exact.std(axis=0) > 1e-6 * np.maximum(1, np.abs(exact.mean(axis=0)))
    assert deviation[varies] == pytest.approx(exact.std(axis=0)[varies], rel=1e-6)
    assert (deviation > 0).all()


@pytest.mark.parametrize("x", [[1e6, 1e6 + 0.0625], [0.0, 1e-40]])
def test_variation_that_float32_cannot_carry_is_none(x: list[float]) -> None:
    values = np.array(x, np.float32)[:, None]
    found = fit("standardize", values, np.arange(len(x)), None)
    assert found.multiplier.tolist() == [1]
    assert np.abs(values * found.multiplier + found.offset).max() < 0.1


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, 3e-39, 3e38])
def test_values_that_do_not_vary_become_zero(value: float) -> None:
    x = np.full((1000, 2), value, np.float32)
    found = fit("standardize", x, np.arange(1000), None)
    assert found.multiplier.tolist() == [1, 1]
    assert (x * found.multiplier + found.offset).tolist() == np.zeros((1000, 2)).tolist()

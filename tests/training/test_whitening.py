"""Training films lie at a distance of about one, in all directions alike; what is unlike them lies far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

from rakurs.errors import TrainingError
from rakurs.study import FloatArray
from rakurs.training.whitening import AXES, Whitening, fit_whitening

WIDTH, KEPT, N = 40, 8, 600


def descriptors(n: int = N, *, seed: int = 0) -> FloatArray:
    """Descriptors (n, 40) that vary in few directions, each dimension with a unit and a mean of its own."""
    mix = np.random.default_rng(0).normal(size=(WIDTH, WIDTH)) * np.exp(-np.arange(WIDTH) / 5)[:, None]
    units = np.random.default_rng(1).uniform(0.1, 50, WIDTH)
    generator = np.random.default_rng(2 + seed)
    return ((generator.normal(size=(n, WIDTH)) @ mix + 0.1 * generator.normal(size=(n, WIDTH)) + 3) * units).astype(
        np.float32
    )


def embedded(whole: FloatArray, whitening: Whitening) -> npt.NDArray[np.float64]:
    """The embedding (n, k + 1), as `Whitening` describes it."""
    z = (whole.astype(np.float64) - whitening.mean) / whitening.deviation
    along = z @ whitening.axes
    left = np.sqrt(np.mean((z - along @ whitening.axes.T) ** 2, axis=1)) / whitening.residual
    return np.column_stack([along / whitening.spread, np.sqrt(whitening.axes.shape[1]) * left])


def distances(embedding: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.sqrt(np.mean(embedding**2, axis=1)), np.float64)


def test_along_each_kept_direction_training_films_have_mean_0_and_deviation_1() -> None:
    films = descriptors()

    along = embedded(films, fit_whitening(films, axes=KEPT))[:, :-1]

    assert along.shape == (N, KEPT)
    np.testing.assert_allclose(along.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(along.std(0), 1, rtol=1e-3)


def test_what_the_directions_leave_counts_as_much_as_all_of_them() -> None:
    films = descriptors()

    left = embedded(films, fit_whitening(films, axes=KEPT))[:, -1]

    assert left.mean() == pytest.approx(np.sqrt(KEPT), rel=1e-4)


@pytest.mark.parametrize("seed", [0, 1], ids=["its own films", "other films of the same kind"])
def test_films_like_those_of_training_lie_at_a_distance_of_about_one(seed: int) -> None:
    whitening = fit_whitening(descriptors(), axes=KEPT)

    lying = distances(embedded(descriptors(seed=seed), whitening))

    assert 1 < np.median(lying) < 1.5
    assert np.quantile(lying, 0.01) > 0.5
    assert np.quantile(lying, 0.99) < 2.5


@pytest.mark.parametrize("along", [True, False], ids=["along a kept direction", "beside them all"])
def test_a_point_far_from_the_films_is_far(along: bool) -> None:
    films = descriptors()
    whitening = fit_whitening(films, axes=KEPT)
    step = whitening.axes[:, 0] * whitening.spread[0]
    if not along:
        step = np.random.default_rng(0).normal(size=WIDTH).astype(np.float32)
        step -= whitening.axes @ (whitening.axes.T @ step)
        step *= whitening.residual * np.sqrt(WIDTH) / np.linalg.norm(step)

    near, far = (distances(embedded(films + size * step * whitening.deviation, whitening)).mean() for size in (0.1, 30))

    assert near < 1.5
    assert far > 8


def test_the_directions_are_the_principal_components_of_scikit_learn() -> None:
    films = descriptors()

    whitening = fit_whitening(films, axes=KEPT)

    z = (films - films.mean(0)) / films.std(0)
    reference = PCA(KEPT).fit(z)
    overlap = np.abs(np.sum(whitening.axes.T * reference.components_, axis=1))
    np.testing.assert_allclose(overlap, 1, rtol=1e-3)
    np.testing.assert_allclose(whitening.spread, np.sqrt(reference.explained_variance_ * (N - 1) / N), rtol=1e-3)
    left = z - reference.inverse_transform(reference.transform(z))
    assert whitening.residual == pytest.approx(np.sqrt(np.mean(left**2, axis=1)).mean(), rel=1e-3)


def test_the_units_of_the_descriptors_do_not_matter() -> None:
    films = descriptors()
    rescaled = films * np.float32(1000) + np.float32(7)

    lying = distances(embedded(rescaled, fit_whitening(rescaled, axes=KEPT)))

    np.testing.assert_allclose(lying, distances(embedded(films, fit_whitening(films, axes=KEPT))), rtol=0.01)


def test_a_dimension_that_never_varies_does_no_harm() -> None:
    films = descriptors()
    films[:, 5] = 4

    lying = distances(embedded(films, fit_whitening(films, axes=KEPT)))

    assert np.isfinite(lying).all()
    assert np.median(lying) < 1.5


def test_everything_that_travels_with_the_network_is_float32() -> None:
    whitening = fit_whitening(descriptors(), axes=KEPT)

    arrays = {name: getattr(whitening, name) for name in ("mean", "deviation", "axes", "spread")}
    assert {name: array.dtype for name, array in arrays.items()} == dict.fromkeys(arrays, np.float32)
    assert {name: array.shape for name, array in arrays.items()} == {
        "mean": (WIDTH,), "deviation": (WIDTH,), "axes": (WIDTH, KEPT), "spread": (KEPT,),
    }  # fmt: skip


@pytest.mark.parametrize(("n", "axes"), [(KEPT, KEPT), (3, KEPT), (AXES, AXES)])
def test_too_few_films_are_refused(n: int, axes: int) -> None:
    with pytest.raises(TrainingError, match=f"{n} films are too few to measure {axes} directions"):
        fit_whitening(descriptors(n), axes=axes)


def test_the_exported_network_embeds_as_the_whitening_says() -> None:
    torch = pytest.importorskip("torch")
    from rakurs.training.export import Embed  # noqa: PLC0415 - needs torch

    films = descriptors()
    whitening = fit_whitening(films, axes=KEPT)

    embedding = Embed(whitening)(torch.from_numpy(films)).numpy()

    np.testing.assert_allclose(embedding, embedded(films, whitening), rtol=1e-2, atol=1e-2)


def test_what_hardly_varies_beside_its_mean_is_not_taken_for_a_direction() -> None:
    films = descriptors()
    noisy = np.column_stack([films, np.float32(0.3) + np.random.default_rng(3).uniform(0, 1e-7, N).astype(np.float32)])
    whitening = fit_whitening(noisy, axes=KEPT)

    rounded = noisy.copy()
    rounded[:, -1] += 1e-6

    np.testing.assert_allclose(embedded(rounded, whitening), embedded(noisy, whitening), rtol=1e-2, atol=1e-2)

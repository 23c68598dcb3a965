import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from cebra_ethan.metrics.reconstruction import reconstruct_latent, reconstruction_score

RNG = np.random.default_rng(0)
LATENT = RNG.normal(size=(203, 2)) * [1, 5]
EMBEDDING = np.column_stack([np.tanh(LATENT), RNG.normal(size=(203, 2))])


@pytest.mark.parametrize("num_folds", [None, 2, 5, 203])
def test_is_the_r2_of_linear_regression(num_folds):
    model = LinearRegression()
    if num_folds is None:
        predicted = model.fit(EMBEDDING, LATENT).predict(EMBEDDING)
    else:
        predicted = cross_val_predict(model, EMBEDDING, LATENT, cv=KFold(num_folds))
    np.testing.assert_allclose(
        reconstruct_latent(LATENT, EMBEDDING, num_folds=num_folds), predicted, atol=1e-9
    )
    expected = r2_score(LATENT, predicted)  # uniform average over the latents
    assert reconstruction_score(LATENT, EMBEDDING, num_folds=num_folds) == pytest.approx(expected)


@pytest.mark.parametrize("num_folds", [None, 4])
def test_linear_maps_of_latent_and_embedding_change_nothing(num_folds):
    mixed = EMBEDDING @ RNG.normal(size=(4, 4)) + 7
    scores = [
        reconstruction_score(z, x, num_folds=num_folds)
        for z, x in ((LATENT, EMBEDDING), (100 * LATENT - 3, EMBEDDING), (LATENT, mixed))
    ]
    assert scores == pytest.approx([scores[0]] * 3)


def test_noise_scores_what_chance_gives():
    """R2 of D regressors on T rows is D / (T - 1) in expectation; on held-out rows below 0."""
    noise = [np.random.default_rng(s).normal(size=(101, 6)) for s in range(40)]
    fitted = [reconstruction_score(n[:, :2], n[:, 2:]) for n in noise]
    held_out = [reconstruction_score(n[:, :2], n[:, 2:], num_folds=5) for n in noise]
    assert np.mean(fitted) == pytest.approx(4 / 100, abs=0.006)
    assert np.mean(held_out) < 0


def test_the_form_of_the_latent_is_kept():
    assert reconstruct_latent(LATENT[:, 0], EMBEDDING).shape == (203,)
    assert reconstruct_latent(LATENT[:, :1], EMBEDDING).shape == (203, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reconstruction_score(LATENT[:5], EMBEDDING), "got 5 and 203"),
        (lambda: reconstruction_score(LATENT[:5], EMBEDDING[:5]), "5 rows to fit and 4 dim"),
        (
            lambda: reconstruction_score(LATENT[:10], EMBEDDING[:10], num_folds=2),
            "5 rows to fit and 4 dimensions",
        ),
        (lambda: reconstruction_score(LATENT * [1, 0], EMBEDDING), "column 1 is constant"),
        (lambda: reconstruction_score(LATENT * np.nan, EMBEDDING), "must be finite"),
        (lambda: reconstruction_score(LATENT, EMBEDDING[None]), r"got shape \(1, 203, 4\)"),
        (lambda: reconstruction_score(LATENT, EMBEDDING, num_folds=1), "203 rows; got 1"),
        (lambda: reconstruction_score(LATENT, EMBEDDING, num_folds=204), "203 rows; got 204"),
    ],
)
def test_errors_name_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()

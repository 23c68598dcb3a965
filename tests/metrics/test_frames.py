"""Frames are decoded as scikit-learn does, settings are chosen on one repeat."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.metrics.frames import FRAME_DECODERS, SMOOTHINGS, FrameDecoding, decode_frames
from cebra_ethan.metrics.transfer import transfer_r2


@pytest.fixture(scope="module")
def movie():
    rng = np.random.default_rng(0)
    frame = np.tile(np.arange(40), 6)
    centre = rng.normal(size=(40, 7)).cumsum(axis=0)
    points = centre[frame] + rng.normal(size=(240, 7))
    repeat = np.repeat(np.arange(6), 40)
    return points, frame, repeat


def split(movie):
    points, frame, repeat = movie
    old = repeat < 5
    return points[old], frame[old], repeat[old] == 4, points[~old], frame[~old]


@pytest.mark.parametrize("k", [1, 4, 9])
def test_votes_are_those_of_scikit_learn(movie, k):
    train, frame, validation, test, true = split(movie)
    found = decode_frames(train, frame, validation, test, true, settings=[k])
    model = KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(train, frame)
    assert np.array_equal(found.predicted, model.predict(test))
    assert found.accuracy == (found.predicted == true).mean()


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_naive_bayes_is_that_of_scikit_learn(movie, smoothing):
    train, frame, validation, test, true = split(movie)
    found = decode_frames(train, frame, validation, test, true, "bayes", settings=[smoothing])
    model = GaussianNB(priors=np.full(40, 1 / 40), var_smoothing=smoothing).fit(train, frame)
    assert np.array_equal(found.predicted, model.predict(test))


@pytest.mark.parametrize("decoder", FRAME_DECODERS)
def test_the_setting_is_chosen_without_the_test_part(movie, decoder):
    train, frame, validation, test, true = split(movie)
    found = decode_frames(train, frame, validation, test, true, decoder)
    other = decode_frames(train, frame, validation, -test[::-1], true[::-1], decoder)
    assert found.setting == other.setting
    cost = {}
    for setting in FRAME_DECODERS[decoder][1]:
        one = decode_frames(
            train[~validation], frame[~validation], (np.arange(160) < 40),
            train[validation], frame[validation], decoder, settings=[setting],
        )  # fmt: skip
        cost[setting] = one.error
    assert cost[found.setting] == min(cost.values())


def test_scenes_are_chosen_by_the_number_of_wrong_ones(movie):
    train, frame, validation, test, true = split(movie)
    scene = frame // 10
    found = decode_frames(train, scene, validation, test, true // 10, ordered=False)
    assert found.accuracy > 0.6


def test_errors_are_in_frames():
    found = FrameDecoding(true=np.array([0, 10, 20]), predicted=np.array([0, 12, 60]), setting=1.0)
    assert found.error == 14
    assert found.share_within(2) == pytest.approx(1 / 3)
    assert found.share_within(3) == pytest.approx(2 / 3)


def test_what_cannot_be_decoded_is_refused(movie):
    train, frame, validation, test, true = split(movie)
    with pytest.raises(InvalidParameterError, match="decoder must be one of knn, bayes"):
        decode_frames(train, frame, validation, test, true, "svm")
    with pytest.raises(DataError, match="the same columns"):
        decode_frames(train, frame, validation, test[:, :3], true)
    with pytest.raises(DataError, match="must leave rows"):
        decode_frames(train, frame, np.ones(200, dtype=bool), test, true)
    with pytest.raises(DataError, match="fits 160 rows"):
        decode_frames(train, frame, validation, test, true, settings=[500])


def test_a_map_is_scored_where_it_was_not_fitted():
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=(300, 20)), rng.normal(size=(300, 4))
    y = x[:, :4] + noise
    assert transfer_r2(x[:200], y[:200], x[200:], y[200:]) == pytest.approx(0.5, abs=0.15)
    assert transfer_r2(x[:200], noise[:200], x[200:], noise[200:]) < 0.05
    constant = np.zeros((300, 2))
    assert transfer_r2(constant[:200], y[:200], constant[200:], y[200:]) <= 0


def test_maps_between_rows_that_do_not_match_are_refused():
    x = np.zeros((10, 2))
    with pytest.raises(DataError, match="matching rows"):
        transfer_r2(x, x[:5], x, x)
    with pytest.raises(DataError, match="must vary"):
        transfer_r2(x, x, x, x)

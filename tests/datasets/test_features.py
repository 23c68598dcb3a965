"""Features of frames: what each filter answers to, and what DINO is given."""

import numpy as np
import pytest
import torch

from cebra_ethan.datasets.allen_movie import simulate_movie
from cebra_ethan.datasets.features import (
    NUM_BANK_FEATURES,
    dino_features,
    filter_bank_features,
    load_dino,
)
from cebra_ethan.errors import DataError, InvalidParameterError

WAVELENGTHS, NUM_ORIENTATIONS = (4, 8, 16), 4


def _grating(wavelength, orientation, phase=0.0):
    rows, columns = np.mgrid[:64, :96]
    angle = np.pi * orientation / NUM_ORIENTATIONS
    along = rows * np.sin(angle) + columns * np.cos(angle)
    return 0.5 + 0.3 * np.sin(2 * np.pi * along / wavelength + phase)


def _channels(features):
    """(frames, channels), mean over the 4 x 4 cells."""
    return features.reshape(len(features), 15, 16).mean(axis=2)


def test_every_filter_answers_most_to_its_own_grating():
    pairs = [(length, number) for length in WAVELENGTHS for number in range(NUM_ORIENTATIONS)]
    answers = _channels(filter_bank_features(np.stack([_grating(*pair) for pair in pairs])))
    assert answers[:, :12].argmax(axis=0).tolist() == list(range(12))


def test_energy_does_not_depend_on_the_phase():
    frames = np.stack([_grating(8, 1, phase) for phase in (0, 1, 2)] + [_grating(8, 3)] * 2)
    channels = filter_bank_features(frames).reshape(5, 15, 16)
    energies = channels[:, [5, 7]]  # 8 pixels, the two orientations that are shown
    same = np.linalg.norm(energies[0] - energies[2])
    assert same < 0.1 * np.linalg.norm(energies[0] - energies[3])


@pytest.mark.parametrize("shape", [(6, 30, 40), (3, 64, 96), (4, 120, 100)])
def test_every_movie_gives_the_same_columns_with_rows_of_length_one(shape):
    frames = np.random.default_rng(0).random(shape)
    features = filter_bank_features(frames)
    assert features.shape == (shape[0], NUM_BANK_FEATURES)
    assert features.dtype == np.float32
    assert np.sqrt((features**2).sum(axis=1).mean()) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-6)


def test_luminance_contrast_and_motion_have_columns_of_their_own():
    dark, light = np.full((64, 96), 0.2), np.full((64, 96), 0.7)
    channels = _channels(filter_bank_features(np.stack([dark, dark, light, light])))
    luminance, contrast, motion = channels[:, 12], channels[:, 13], channels[:, 14]
    assert luminance[0] == luminance[1] < luminance[2] == luminance[3]
    assert not contrast.any()  # constant columns are 0
    assert motion.argmax() == 2
    assert motion[0] == motion[1] == motion[3]


def test_units_of_grey_do_not_matter_to_luminance_and_batches_to_nothing():
    movie = simulate_movie(20, num_scenes=2, height=16, width=24)
    whole = filter_bank_features(movie.frames)
    np.testing.assert_allclose(filter_bank_features(movie.frames, batch_size=3), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((1, 8, 8)), "at least two frames; got 1"),
        (np.full((3, 8, 8), np.nan), "frames must be finite"),
    ],
)
def test_frames_that_are_no_movie_are_refused(frames, message):
    with pytest.raises(DataError, match=message):
        filter_bank_features(frames)


@pytest.mark.usefixtures("without_type_checks")
def test_colours_are_refused():
    with pytest.raises(DataError, match=r"got \(3, 8, 8, 3\). Average the colours"):
        filter_bank_features(np.zeros((3, 8, 8, 3)))


@pytest.fixture(scope="module")
def vit():
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    config = transformers.ViTConfig(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return transformers.ViTModel(config, add_pooling_layer=False).eval()


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(1).random((5, 32, 32)).astype(np.float32)


def test_features_are_class_tokens_of_normalised_images(vit, frames):
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    images = (frames[:, None] - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        token = vit(torch.tensor(images, dtype=torch.float32)).last_hidden_state[:, 0].numpy()
    raw = dino_features(frames, vit, normalize=False, batch_size=2)
    assert raw.shape == (5, 12)
    np.testing.assert_allclose(raw, token, atol=1e-5)
    np.testing.assert_allclose(
        dino_features(frames, vit), token / np.linalg.norm(token, axis=1, keepdims=True), atol=1e-5
    )


def test_dino_takes_every_size_and_bytes(vit):
    wide = np.random.default_rng(2).integers(0, 256, (3, 40, 70), dtype=np.uint8)
    features = dino_features(wide, vit)
    assert features.shape == (3, 12)
    np.testing.assert_allclose(dino_features(wide / 255, vit), features, atol=1e-5)
    assert dino_features(wide, vit, image_size=48).shape == (3, 12)


def test_dino_leaves_the_model_as_it_was(vit, frames):
    vit.train()
    first, second = dino_features(frames, vit), dino_features(frames, vit)
    np.testing.assert_array_equal(first, second)  # no dropout
    assert vit.training
    assert all(parameter.grad is None for parameter in vit.parameters())
    vit.eval()


def test_dino_is_loaded_from_a_folder(vit, frames, tmp_path):
    vit.save_pretrained(tmp_path / "vit")
    np.testing.assert_allclose(
        dino_features(frames, tmp_path / "vit"), dino_features(frames, vit), atol=1e-6
    )


def test_weights_that_are_missing_or_pickles_are_refused(vit, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks config.json and model.safetensors"):
        load_dino(tmp_path)
    (tmp_path / "config.json").write_text(vit.config.to_json_string())
    torch.save(vit.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"lacks model.safetensors. .*stand-in"):
        load_dino(tmp_path)


def test_wrong_frames_and_sizes_are_refused(vit, frames):
    with pytest.raises(DataError, match=r"grey levels in \[0, 1\].* got values from .* to 255"):
        dino_features(np.full((2, 32, 32), 255.0), vit)
    with pytest.raises(InvalidParameterError, match="a multiple of the model's patch, 8 pixels"):
        dino_features(frames, vit, image_size=30)

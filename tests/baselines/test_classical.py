"""PCA, t-SNE and UMAP: windows, and what the libraries are told."""

import numpy as np
import pytest
import torch

from cebra_ethan.baselines import PCA, TSNE, UMAP
from cebra_ethan.baselines.embedder import flat_windows
from cebra_ethan.errors import DataError, MissingDependencyError
from cebra_ethan.models.base import centered
from cebra_ethan.types import Recording
from cebra_ethan.utils import optional
from tests.baselines.examples import NEURAL, TRIAL


@pytest.mark.parametrize("span", [1, 2, 5, 10])
def test_windows_are_those_of_a_model_and_stay_inside_trials(span):
    recording = Recording(torch.from_numpy(NEURAL), trial=torch.from_numpy(TRIAL))
    rows = flat_windows(recording, span).reshape(len(NEURAL), -1, span)
    offset = centered(span)
    for t in (0, 3, 49, 50, 77, 149):
        first, last = 50 * (t // 50), 50 * (t // 50) + 49
        bins = np.clip(np.arange(t - offset.left, t + offset.right), first, last)
        np.testing.assert_array_equal(rows[t], NEURAL[bins].T)


def test_pca_equals_the_singular_vectors():
    points = PCA(n_components=3).fit(NEURAL).transform(NEURAL)
    left, size, _ = np.linalg.svd(NEURAL - NEURAL.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(points), np.abs(left * size)[:, :3], atol=1e-3)


def test_pca_needs_as_many_windowed_neurons():
    with pytest.raises(DataError, match="n_components must not exceed"):
        PCA(n_components=7).fit(NEURAL)
    assert PCA(n_components=7, window_bins=2).fit(NEURAL).transform(NEURAL).shape == (150, 7)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_tsne_keeps_two_groups_apart_and_places_new_bins_among_them(metric):
    pytest.importorskip("openTSNE", reason="needs openTSNE: the extra `baselines`")
    random = np.random.default_rng(0)
    base = np.repeat([[9.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 9.0]], 40, axis=0)
    X, new = base + random.normal(size=(80, 4)), base[::8] + random.normal(size=(10, 4))
    model = TSNE(perplexity=8, metric=metric, max_iterations=100, random_state=0).fit(X)
    centres = model.embedding_.reshape(2, 40, 2).mean(axis=1)
    placed = model.transform(new)
    nearest = np.linalg.norm(placed[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, np.repeat([0, 1], 5))


def test_tsne_by_cosine_places_silent_windows():
    pytest.importorskip("openTSNE", reason="needs openTSNE: the extra `baselines`")
    X = np.random.default_rng(0).poisson(1, (60, 4)).astype(np.float32)
    X[:7] = 0
    model = TSNE(perplexity=8, metric="cosine", max_iterations=50, random_state=0).fit(X)
    even = np.where(X.any(axis=1, keepdims=True), X, 1.0)
    same = TSNE(perplexity=8, metric="cosine", max_iterations=50, random_state=0).fit(even)
    assert np.isfinite(model.embedding_).all()
    np.testing.assert_array_equal(model.embedding_, same.embedding_)
    np.testing.assert_array_equal(model.transform(X), same.transform(even))


def test_too_few_bins_are_named():
    with pytest.raises(DataError, match="needs at least 301 time bins"):
        TSNE(perplexity=100).fit(NEURAL)
    with pytest.raises(DataError, match="needs at least 151 time bins"):
        UMAP(n_neighbors=150).fit(NEURAL)


@pytest.mark.parametrize(("method", "module"), [(TSNE, "openTSNE"), (UMAP, "umap")])
def test_a_missing_library_names_its_extra(method, module, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name, name=name)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    with pytest.raises(MissingDependencyError, match=rf"{module}.*cebra-ethan\[baselines\]"):
        method().fit(NEURAL)

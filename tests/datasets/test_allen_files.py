"""The folder of recordings that resolve the frames of the movie."""

import pytest

from cebra_ethan.datasets import check, describe, fetch, load_dataset
from cebra_ethan.datasets.allen_files import load_movie_files, movie_files
from cebra_ethan.errors import DownloadError, InvalidParameterError
from tests.datasets.drift_files import FEATURES, write_movie


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_movie(folder)
    return folder


def test_all_files_of_a_method_are_read_with_the_features(root):
    assert [path.parent.name for path in movie_files("calcium", root)] == ["VISl", "VISp"]
    calcium, (neuropixels,) = (load_movie_files(kind, root) for kind in ("calcium", "neuropixels"))
    assert [set(mouse.area) for mouse in calcium] == [{"VISl"}, {"VISp"}]
    assert set(neuropixels.area) == {"VISp", "VISl"}
    for mouse, repeats in ((calcium[0], 4), (neuropixels, 8)):
        features = mouse.recording.labels["features"].to_numpy()
        assert features.shape == (60 * repeats, FEATURES)
        assert (features[:60] == features[60:120]).all()
        assert set(mouse.recording.labels) >= {"frame", "scene"}


def test_datasets_list_load_and_check_them(root):
    for kind in ("calcium", "neuropixels"):
        found = describe(f"allen-movie-{kind}", root)
        assert found.on_disk
        assert all("allen_movie_one" in file for file in found.present)
        assert set(check(f"allen-movie-{kind}", root).values()) == {"no checksum"}
        assert load_dataset(f"allen-movie-{kind}", root).num_neurons > 20
    chosen = load_dataset("allen-movie-neuropixels", root, file="session_1.mat")
    assert chosen.neural.isfinite().all()
    with pytest.raises(InvalidParameterError, match=r"file must be one of session_1\.mat; got"):
        load_dataset("allen-movie-neuropixels", root, file="other.mat")


def test_what_is_missing_is_named(tmp_path):
    found = describe("allen-movie-calcium", tmp_path)
    assert found.missing == ("allen_movie_one/frames.npz", "allen_movie_one/calcium/**/*")
    assert "Allen Brain Observatory" in str(found)
    with pytest.raises(FileNotFoundError, match=r"frames\.npz; they are not there"):
        load_dataset("allen-movie-calcium", tmp_path)
    with pytest.raises(DownloadError, match=r"Get \.nwb of the Allen"):
        fetch("allen-movie-calcium", tmp_path)

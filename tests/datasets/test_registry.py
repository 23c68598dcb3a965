"""Every row of the registry is described, and its files are those that are known."""

import os
from pathlib import Path

import pytest

from cebra_ethan.datasets import DATASETS, check, describe, files, list_datasets, load_dataset
from cebra_ethan.datasets.allen_files import FRAME_ARRAYS
from cebra_ethan.datasets.area2 import AREA2_FILE
from cebra_ethan.datasets.details import DETAILS
from cebra_ethan.datasets.files import SHA256, expected_digest
from cebra_ethan.datasets.sources import REMOTE
from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.types import Recording

REAL = Path(os.environ.get("CEBRA_ETHAN_DATA") or "/nowhere")
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="CEBRA_ETHAN_DATA names no folder")
VISUAL = {"num_neurons": 4, "num_mice": 2, "num_repeats": 2}
SMALL = {
    "allen-calcium-simulated": VISUAL,
    "allen-neuropixels-simulated": VISUAL,
    "rat-simulated": {"num_bins": 50, "num_neurons": 3},
    "reaching-simulated": {"num_active": 2, "num_passive": 1, "num_units": 3},
    "synthetic-simulated": {"num_points": 10},
}


def test_the_list_is_sorted_and_whole():
    assert list_datasets() == sorted(DATASETS)
    assert set(DETAILS) <= set(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_every_row_says_what_it_is(name, monkeypatch):
    monkeypatch.delenv(files.DATA_VARIABLE, raising=False)
    description = describe(name)
    text = str(description)
    assert description.details.about != "not described"
    assert name in text
    assert description.on_disk == description.details.simulated
    if not description.details.simulated and name in DETAILS:
        assert "set CEBRA_ETHAN_DATA" in text
        pattern = description.details.pattern
        assert description.missing == (*description.details.files, *([pattern] if pattern else []))
        assert description.details.licence
        assert description.details.source
        assert description.can_be_fetched or description.details.by_hand


@pytest.mark.parametrize("name", DETAILS)
def test_files_are_known(name):
    known = {
        FRAME_ARRAYS,
        *SHA256,
        *REMOTE,
        AREA2_FILE,
        "crcns_hc11/Achilles_10252013_sessInfo.mat",
    }
    assert set(DETAILS[name].files) <= known
    assert len(DETAILS[name].files) > 0 or DETAILS[name].simulated


@pytest.mark.parametrize("name", SMALL)
def test_simulators_need_no_folder_and_say_what_they_are(name, tmp_path):
    assert DETAILS[name].simulated
    recording = load_dataset(name, tmp_path / "nowhere", **SMALL[name])
    assert isinstance(recording, Recording)
    assert recording.source.startswith("simulated ")
    assert check(name) == {}


def test_simulators_in_the_table_are_all_of_them():
    assert set(SMALL) == {name for name in DETAILS if DETAILS[name].simulated}


def test_a_row_that_nobody_described(monkeypatch):
    def simulate(root=None):
        """Ants on a table.

        More of it.
        """

    monkeypatch.setitem(DATASETS, "ants-simulated", simulate)
    assert "Ants on a table." in str(describe("ants-simulated"))
    assert describe("ants-simulated").on_disk


def test_a_session_names_the_file_of_an_archive(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"crcns_hc11/Buddy_06272013_sessInfo.mat must lie"
    ):
        load_dataset("hc11", tmp_path, session="Buddy_06272013")
    where = r"dandi_000044/sub-Gatsby_ses-Gatsby-08282013_behavior\+ecephys.nwb must lie"
    with pytest.raises(FileNotFoundError, match=where):
        load_dataset("dandi-000044", tmp_path, session="Gatsby-08282013")


def test_unknown_names_and_checksums():
    for function in (describe, check):
        with pytest.raises(InvalidParameterError, match=r"one of .*area2-bump, .*got 'cat'"):
            function("cat")
    assert expected_digest("rat_hippocampus/buddy.npz").startswith("sha256:")
    assert expected_digest("rat_hippocampus/gatsby.jl").startswith("md5:")
    assert expected_digest(AREA2_FILE) is None
    assert expected_digest("no such file") is None


@needs_data
@pytest.mark.real
def test_recordings_at_hand_are_the_published_ones():
    at_hand = [name for name in DETAILS if describe(name, REAL).on_disk and DETAILS[name].files]
    assert {"rat-achilles", "macaque-k-joint", "macaque-m1-te", "mouse-C6M4"} <= set(at_hand)
    for name in ("rat-achilles", "macaque-k-joint", "macaque-m1-te"):
        assert set(check(name, REAL).values()) == {"ok"}

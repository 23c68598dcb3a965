"""What each dataset is: one row for each name of `registry.DATASETS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .allen_files import FRAME_ARRAYS, MOVIE_FOLDER
from .allen_npz import FOLDER as MOVIE
from .allen_npz import POOLS
from .area2 import AREA2_FILE
from .files import SHA256
from .macaque import CONDITIONS, M1_RECORDINGS, MONKEYS
from .mouse import FOLDER, MICE
from .registry import DANDI_SESSION, HC11_SESSION
from .sources import REMOTE

__all__ = ["DETAILS", "Details"]

HERE = "a simulation of this package; Apache-2.0"
NO_LICENCE = "its source states none: cite it, and ask the authors before passing it on"
CRCNS = "terms of CRCNS: cite paper and data set; account needed"
GROSMARK = "Grosmark & Buzsáki (2016), Science 351, 1440; CRCNS hc-11, doi:10.6080/K0862DC5"
CHOWDHURY = "Chowdhury, Glaser & Miller (2020), eLife 9, e48198; DANDI 000127"
COPY = "Copy it from where you have it; its source and commit stand in the README of the data."


@dataclass(frozen=True, kw_only=True)
class Details:
    """What a dataset is.

    Args:
        about: One sentence.
        species: Species and area; empty if simulated.
        signal: What was measured, and the width of a bin.
        size: How much it is.
        source: Whom to cite.
        licence: What is known of its licence.
        simulated: Whether it needs no file.
        files: Its files in the data folder.
        pattern: Further files in the data folder that belong to it; one is enough.
        by_hand: How to get what `fetch` cannot.
    """

    about: str
    species: str = ""
    signal: str = ""
    size: str = ""
    source: str = ""
    licence: str = ""
    simulated: bool = False
    files: tuple[str, ...] = ()
    pattern: str = ""
    by_hand: str = ""


_RAT = Details(
    about="A rat runs to and fro on a linear track of 1.6 m.",
    species="rat, hippocampal CA1",
    signal="spike counts, bins of 25 ms",
    source=GROSMARK,
    licence=CRCNS,
    by_hand=COPY,
)
_MOUSE = Details(
    about="A mouse runs on a linear track of 96 cm, on up to 8 days and two tracks.",
    species="mouse, hippocampal CA1",
    signal="calcium events, 20 Hz",
    size="14 to 16 recordings of 15 min, 269 to 532 cells",
    source="Sheintuch et al. (2020), Current Biology 30, 1467, doi:10.1016/j.cub.2020.02.018",
    licence=NO_LICENCE,
    by_hand=COPY,
)
_AREA2 = Details(
    about="A macaque reaches to eight targets (active) and is pushed (passive).",
    species="macaque, somatosensory area 2",
    signal="spikes, bins of 1 ms, smoothed by 40 ms",
    size="65 units, 364 trials of 600 bins",
    source=CHOWDHURY,
    licence="CC-BY 4.0 in the archive (not checked)",
    files=(AREA2_FILE,),
    by_hand=f"Get it with `dandi download DANDI:000127`, and put its file at {AREA2_FILE}.",
)
_JOINT = Details(
    about="A macaque acts alone, watches, or acts together with another, in eight directions.",
    species="macaque, premotor and motor cortex (presumably)",
    signal="spikes, bins of 1 ms",
    source="github.com/LorenzoCNR/AI_for_all; presumably Ferrari-Toniolo et al. (2019)",
    licence=NO_LICENCE,
    by_hand=COPY,
)
_M1 = Details(
    about="A macaque reaches from the centre to four targets.",
    species="macaque, primary motor cortex",
    signal="spike counts, bins of 0.2 s",
    source="Dyer et al. (2017), Nature Biomedical Engineering 1, 967",
    licence=NO_LICENCE,
    by_hand=COPY,
)
_M1_SIZES = {"tr": "623 bins, 174 units", "te": "803 bins, 187 units"}

_MOVIE = Details(
    about="A mouse sees Natural Movie One again and again.",
    species="mouse, visual cortex, thalamus and hippocampus",
    signal="spikes (Neuropixels), bins of 1 s",
    source="Allen Brain Observatory, Neuropixels Visual Coding (2019); Siegle et al. (2021), "
    "Nature 592, 86, doi:10.1038/s41586-020-03171-x",
    licence=NO_LICENCE,
    by_hand=COPY,
)
_MOVIE_ONE = Details(
    about="Mice see Natural Movie One, at the rate of the movie; one file each.",
    species="mouse, visual cortex",
    licence="terms of use of the Allen Institute (not checked)",
    files=(FRAME_ARRAYS,),
)
_VISUAL = Details(
    about="Mice see a movie: one visual population, with areas, layers and single trials.",
    size="as asked; 1,200 neurons, 10 repeats of 900 frames by default",
    source=HERE,
    licence=HERE,
    simulated=True,
)

DETAILS: Mapping[str, Details] = {
    "allen-calcium-simulated": replace(_VISUAL, signal="calcium imaging, 30 Hz"),
    "allen-neuropixels-simulated": replace(_VISUAL, signal="spike counts, 120 Hz"),
    "allen-movie-neuropixels": replace(
        _MOVIE_ONE,
        signal="spikes (Neuropixels), bins of 33 ms",
        source="Siegle et al. (2021), Nature 592, 86, doi:10.1038/s41586-020-03171-x",
        pattern=f"{MOVIE_FOLDER}/neuropixels/**/*",
        by_hand="Get sessions with `dandi download DANDI:000021`, or .mat files of visual-drift, "
        f"put them into {MOVIE_FOLDER}/neuropixels/, and features of frames into {FRAME_ARRAYS}.",
    ),
    "allen-movie-calcium": replace(
        _MOVIE_ONE,
        signal="calcium imaging, 30 Hz",
        source="de Vries et al. (2020), Nat. Neurosci. 23, 138, doi:10.1038/s41593-019-0550-9",
        pattern=f"{MOVIE_FOLDER}/calcium/**/*",
        by_hand="Get .nwb of the Allen Brain Observatory, or .mat files of visual-drift, put "
        f"them into {MOVIE_FOLDER}/calcium/, and features of frames into {FRAME_ARRAYS}.",
    ),
    "allen-session-791319847": replace(
        _MOVIE, size="555 units, 20 repeats of 30 s", files=(f"{MOVIE}/session_791319847.npz",)
    ),
    **{
        f"allen-pooled-{pool}": replace(
            _MOVIE,
            about=f"{_MOVIE.about} Means over trials of units of several mice ({pool}).",
            files=(f"{MOVIE}/pooled_{pool}.npz",),
        )
        for pool in POOLS
    },
    "area2-bump": _AREA2,
    "area2-bump-published": replace(
        _AREA2,
        files=tuple(file for file in REMOTE if file.startswith("monkey_reaching")),
        source=f"{CHOWDHURY}; as published by Schneider et al. (2023)",
    ),
    "dandi-000044": replace(
        _RAT,
        about=f"{_RAT.about} The file of the archive, one of eight sessions.",
        size="8.7 GB, nearly all of it voltages",
        licence="CC-BY 4.0 in the archive (not checked)",
        files=(f"dandi_000044/sub-Achilles_ses-{DANDI_SESSION}_behavior+ecephys.nwb",),
    ),
    "hc11": replace(
        _RAT,
        about=f"{_RAT.about} The file of the archive, one of eight sessions.",
        files=(f"crcns_hc11/{HC11_SESSION}_sessInfo.mat",),
        by_hand="Get an account at crcns.org, and hc-11 there; its files go to crcns_hc11/.",
    ),
    **{
        f"macaque-{name}-{condition}": replace(
            _JOINT,
            size=f"{units} units, 64 trials of 599 bins",
            files=(f"macaque_solo_joint_reaching/monkey_{name}.npz",),
        )
        for name, units in zip(MONKEYS, (202, 184), strict=True)
        for condition in CONDITIONS
    },
    **{
        f"macaque-m1-{name}": replace(
            _M1, size=_M1_SIZES[name], files=(f"macaque_m1_center_out_demo/mihi_{name}.npz",)
        )
        for name in M1_RECORDINGS
    },
    **{
        f"mouse-{mouse}": replace(
            _MOUSE, files=tuple(file for file in SHA256 if file.startswith(f"{FOLDER}/{mouse}_"))
        )
        for mouse in MICE
    },
    "rat-achilles": replace(
        _RAT, size="10178 bins, 120 neurons", files=("rat_hippocampus/achilles.npz",)
    ),
    "rat-buddy": replace(_RAT, size="6577 bins, 48 neurons", files=("rat_hippocampus/buddy.npz",)),
    **{
        name: replace(
            _RAT,
            files=(f"rat_hippocampus/{name.split('-')[1]}.jl",),
            source=f"{GROSMARK}; as published by Schneider et al. (2023)",
        )
        for name in ("rat-achilles-published", "rat-buddy-published", "rat-cicero", "rat-gatsby")
    },
    "rat-simulated": Details(
        about="A simulated rat on a linear track, calibrated on achilles.",
        signal="spike counts, bins of 25 ms",
        size="as you like",
        source=HERE,
        simulated=True,
    ),
    "reaching-simulated": Details(
        about="A simulated macaque that reaches and is pushed, after area2-bump.",
        signal="spikes, bins of 1 ms, smoothed by 40 ms",
        size="as you like; 65 units and 364 trials if nothing is said",
        source=HERE,
        simulated=True,
    ),
    "synthetic-published": Details(
        about="The paper's simulation of 100 neurons and a known latent, as published.",
        signal="activity without order in time",
        size="15000 points, 100 neurons, six kinds of noise",
        source="Schneider, Lee & Mathis (2023), Nature 617, 360",
        licence="not stated beside the files; the package of the authors is Apache-2.0",
        files=tuple(file for file in REMOTE if file.startswith("synthetic/")),
    ),
    "synthetic-simulated": Details(
        about="The same simulation: label and latent as published, mixing of our own draw.",
        signal="activity without order in time",
        size="as you like; 15000 points and 100 neurons if nothing is said",
        source=HERE,
        simulated=True,
    ),
}
"""A row of `registry.DATASETS` without one here is described by the first line of its function."""

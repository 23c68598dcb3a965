"""A visual population that saw a movie several times, and which neuron of it lies where.

A `Recording` knows no neurons, so `VisualRecording` puts area, layer and mouse of each neuron
beside it; real and simulated ones are alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped

from ..errors import DataError
from ..types import Label, Recording

__all__ = [
    "AREAS",
    "LAYERS",
    "VisualRecording",
    "layer_of_depth",
    "layer_of_place",
    "movie_labels",
    "visual_recording",
]

AREAS = ("VISp", "VISl", "VISrl", "VISal", "VISpm", "VISam")
"""Visual areas of the paper, by their acronyms in the Allen atlas; VISp is primary."""

LAYERS = ("L2/3", "L4", "L5/6")

UNKNOWN = ""
_ATLAS_LAYERS = {"2/3": "L2/3", "4": "L4", "5": "L5/6", "6a": "L5/6", "6b": "L5/6"}
_DEPTH_LIMITS_UM = (250.0, 350.0)


@dataclass(frozen=True, eq=False)
class VisualRecording:
    """A recording during a movie, with what is known of each neuron.

    Args:
        recording: Activity `(T, N)`; the label `frame` says what was shown, `trial` which repeat.
        area: Area of each neuron, `(N,)`.
        layer: Layer of each neuron, `(N,)`; `""` where it is not known.
        mouse: The recording or animal that each neuron comes from, `(N,)`.
        bins_per_frame: Time bins in which a movie frame was on: 4 at 120 Hz, 1 at 30 Hz.

    Raises:
        DataError: If there is not one entry for each neuron, or no label `frame`.
    """

    recording: Recording
    area: Shaped[np.ndarray, " neurons"]
    layer: Shaped[np.ndarray, " neurons"]
    mouse: Shaped[np.ndarray, " neurons"]
    bins_per_frame: int = 1

    def __post_init__(self) -> None:
        for key in ("area", "layer", "mouse"):
            length = len(getattr(self, key))
            if length != self.recording.num_neurons:
                raise DataError(
                    f"{key} must have one entry for each neuron; got {length} for "
                    f"{self.recording.num_neurons} neurons of {self.recording.name}."
                )
        if "frame" not in self.recording.labels:
            raise DataError(
                f"a visual recording needs the label 'frame'; {self.recording.name} has "
                f"{', '.join(self.recording.labels) or 'none'}. Add movie_labels(...)."
            )

    @property
    def num_neurons(self) -> int:
        """The number of neurons `N`."""
        return self.recording.num_neurons

    @property
    def num_repeats(self) -> int:
        """How often the movie was shown."""
        return len(self.recording.segments)

    def neurons(self, index: Int[np.ndarray, " chosen"]) -> VisualRecording:
        """Returns some neurons in the given order; one that occurs twice is there twice."""
        return replace(
            self,
            recording=replace(self.recording, neural=self.recording.neural[:, index]),
            area=self.area[index],
            layer=self.layer[index],
            mouse=self.mouse[index],
        )

    def select(
        self, *, area: str | None = None, layer: str | None = None, mouse: object = None
    ) -> VisualRecording:
        """Returns the neurons of an area, a layer or a mouse; `None` takes all.

        Raises:
            DataError: If there are none; the message lists what there is.
        """
        keep = np.ones(self.num_neurons, dtype=bool)
        for key, value in {"area": area, "layer": layer, "mouse": mouse}.items():
            if value is not None:
                keep &= getattr(self, key) == value
        if not keep.any():
            known = {key: np.unique(getattr(self, key)).tolist() for key in ("area", "layer")}
            raise DataError(
                f"no neuron of {self.recording.name} has area={area!r}, layer={layer!r} and "
                f"mouse={mouse!r}; there are {known['area']} and {known['layer']}."
            )
        return self.neurons(np.flatnonzero(keep))


def movie_labels(
    num_repeats: int,
    num_frames: int,
    bins_per_frame: int = 1,
    *,
    scene: Int[np.ndarray, " frames"] | None = None,
    features: Float[np.ndarray, "frames features"] | None = None,
) -> dict[str, Label]:
    """Returns the labels of a movie shown several times: what was on in each time bin.

    Args:
        num_repeats: How often the movie was shown.
        num_frames: Its frames `F`.
        bins_per_frame: Time bins of one frame.
        scene: Scene of each frame.
        features: Features of each frame, such as `features.dino_features`.

    Returns:
        `frame` (categorical, 0 to F - 1), and `scene` (categorical) and `features` (continuous,
        all columns) where given; length `num_repeats * num_frames * bins_per_frame`.

    Example:
        >>> movie_labels(2, 3, 2)["frame"].to_numpy()
        array([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
    """
    frame = np.tile(np.repeat(np.arange(num_frames), bins_per_frame), num_repeats)
    labels = {"frame": Label(frame, name="frame")}
    for key, values in {"scene": scene, "features": features}.items():
        if values is not None:
            if len(values) != num_frames:
                raise DataError(
                    f"{key} must have one row for each of {num_frames} movie frames; got "
                    f"{len(values)}."
                )
            labels[key] = Label(values[frame], name=key)
    return labels


def visual_recording(
    activity: Shaped[np.ndarray, "repeats bins neurons"],
    *,
    area: Iterable[str] | str,
    mouse: Iterable[str] | str,
    name: str,
    source: str,
    bin_s: float,
    bins_per_frame: int = 1,
    layer: Iterable[str] | str = UNKNOWN,
    scene: Int[np.ndarray, " frames"] | None = None,
    features: Float[np.ndarray, "frames features"] | None = None,
    extra: Mapping[str, Label] | None = None,
) -> VisualRecording:
    """Puts the repeats of a movie behind each other, one trial each.

    Args:
        activity: Whole repeats, `(repeats, frames * bins_per_frame, neurons)`.
        area: Area of each neuron, or one for all; so for `mouse` and `layer`.
        mouse: Where each neuron comes from.
        name: Name of the recording.
        source: Where it came from; simulated ones say so.
        bin_s: Seconds of a time bin.
        bins_per_frame: Time bins of one movie frame.
        layer: Layer of each neuron.
        scene: Scene of each frame.
        features: Features of each frame.
        extra: More labels, of the length of the recording.
    """
    num_repeats, num_bins, num_neurons = activity.shape
    if num_bins % bins_per_frame:
        raise DataError(
            f"a repeat must hold whole frames of {bins_per_frame} bins; got {num_bins} bins."
        )
    flat = np.ascontiguousarray(activity.reshape(-1, num_neurons), dtype=np.float32)
    labels = movie_labels(
        num_repeats, num_bins // bins_per_frame, bins_per_frame, scene=scene, features=features
    )
    return VisualRecording(
        Recording(
            neural=torch.from_numpy(flat),
            labels={**labels, **(extra or {})},
            trial=torch.arange(num_repeats).repeat_interleave(num_bins),
            bin_s=bin_s,
            name=name,
            source=source,
        ),
        area=_for_each(area, num_neurons),
        layer=_for_each(layer, num_neurons),
        mouse=_for_each(mouse, num_neurons),
        bins_per_frame=bins_per_frame,
    )


def layer_of_place(place: str) -> tuple[str, str]:
    """Returns area and layer from a name of the Allen atlas; the layer is `""` without one.

    Example:
        >>> layer_of_place("VISp2/3"), layer_of_place("VISam6a"), layer_of_place("VISp")
        (('VISp', 'L2/3'), ('VISam', 'L5/6'), ('VISp', ''))
    """
    for ending, layer in _ATLAS_LAYERS.items():
        if place.startswith("VIS") and place.endswith(ending):
            return place.removesuffix(ending), layer
    return place, UNKNOWN


def layer_of_depth(depth_um: float | str) -> str:
    """Returns the layer at an imaging depth: L2/3 to 250 µm, L4 to 350, then L5/6.

    Args:
        depth_um: The depth, or a text that begins with it (`"175 microns"`); `""` is unknown.

    Example:
        >>> layer_of_depth("175 microns"), layer_of_depth(275), layer_of_depth("")
        ('L2/3', 'L4', '')
    """
    number = re.search(r"\d+(\.\d+)?", str(depth_um))
    if number is None:
        return UNKNOWN
    return LAYERS[int(np.searchsorted(_DEPTH_LIMITS_UM, float(number.group())))]


def _for_each(value: Iterable[str] | str, num_neurons: int) -> np.ndarray:
    if isinstance(value, str):
        return np.full(num_neurons, value)
    return np.asarray(list(value), dtype=str)

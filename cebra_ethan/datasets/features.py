"""Features of movie frames: a fixed filter bank, a stand-in for DINO, and DINO itself.

The paper labels each frame of the movie with the 768 numbers that a vision transformer, trained
without labels by DINO (ViT-B/8), gives for it. Its weights are not part of this package. Where
they are not at hand, `filter_bank_features` is the stand-in: a fixed bank of oriented filters,
as in models of primary visual cortex, that any machine computes from the frames alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from ..errors import DataError, InvalidParameterError
from ..utils.optional import require

__all__ = ["NUM_BANK_FEATURES", "dino_features", "filter_bank_features", "load_dino"]

_SIZE = (64, 96)  # pixels to which every movie is brought, so that the bank is the same for all
_GRID = (4, 4)  # cells in which energies are averaged
_WAVELENGTHS = (4.0, 8.0, 16.0)  # pixels: three octaves
_NUM_ORIENTATIONS = 4
_BANDWIDTH = 0.4  # of a filter around its centre, as a share of its frequency
_CHANNELS = len(_WAVELENGTHS) * _NUM_ORIENTATIONS + 3  # with luminance, contrast, motion

NUM_BANK_FEATURES = _GRID[0] * _GRID[1] * _CHANNELS

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def filter_bank_features(
    frames: Shaped[np.ndarray, "frames height width"], *, batch_size: int = 100
) -> Float[np.ndarray, "frames features"]:
    r"""Returns what a fixed filter bank says of each frame: a stand-in for DINO.

    In each of 4 × 4 cells: the energy of Gabor filters with 3 wavelengths and 4 orientations,

    .. math:: e = \log(1 + 10 \, \langle |g * I| \rangle_{cell}),

    the mean luminance, the contrast (standard deviation), and motion (mean absolute difference to
    the frame before). Each column is then standardised over the movie and divided by the square
    root of the number of columns, so that a row has a length of about 1, as rows of DINO have.
    Nothing is learned.

    Args:
        frames: Grey levels `(F, H, W)` in any unit, of which at least two.
        batch_size: Frames that are filtered together.

    Returns:
        `(F, 240)`, float32. Columns that are constant over the movie are 0.

    Raises:
        DataError: If the frames are fewer than two, not three-dimensional or not finite.

    References:
        Adelson & Bergen (1985), doi:10.1364/JOSAA.2.000284 (energy of quadrature pairs).

    Example:
        >>> frames = np.random.default_rng(0).random((5, 48, 72))
        >>> filter_bank_features(frames).shape
        (5, 240)
    """
    movie = _as_frames(frames)
    if len(movie) < 2:
        raise DataError(
            f"a movie needs at least two frames; got {len(movie)}. Pass all frames at once, since "
            "features are standardised over the movie."
        )
    small = F.interpolate(movie[:, None], size=_SIZE, mode="area")[:, 0]
    bank = _bank()
    channels = [
        torch.cat([_energies(part, bank), _moments(part)], dim=1)
        for part in small.split(batch_size)
    ]
    change = (small[1:] - small[:-1]).abs()
    motion = F.adaptive_avg_pool2d(torch.cat([change[:1], change])[:, None], _GRID)
    raw = torch.cat([torch.cat(channels), motion], dim=1).flatten(1).double()
    spread = raw.std(dim=0, correction=0)
    scaled = (raw - raw.mean(dim=0)) / torch.where(spread > 1e-6, spread, torch.inf)
    return np.asarray((scaled / NUM_BANK_FEATURES**0.5).float().numpy())


def load_dino(folder: str | os.PathLike[str]) -> Any:
    """Loads a vision transformer from a folder on this machine; nothing is downloaded.

    The folder holds `config.json` and `model.safetensors` in the format of the library
    `transformers`, such as a copy of `facebook/dino-vitb8` (768 numbers a frame, what the paper
    used) or `facebook/dino-vits8` (384). Weights that are pickles are refused.

    Raises:
        FileNotFoundError: If the folder does not hold the two files.
        MissingDependencyError: If `transformers` is not installed.
    """
    path = Path(folder)
    missing = [
        name for name in ("config.json", "model.safetensors") if not (path / name).is_file()
    ]
    if missing:
        raise FileNotFoundError(
            f"a vision transformer is a folder with config.json and model.safetensors; {path} "
            f"lacks {' and '.join(missing)}. Copy the weights of DINO there (facebook/dino-vitb8 "
            "in the paper), or use filter_bank_features, the stand-in."
        )
    transformers = require("transformers", extra="video")
    return transformers.ViTModel.from_pretrained(
        path, local_files_only=True, use_safetensors=True, add_pooling_layer=False
    )


def dino_features(
    frames: Shaped[np.ndarray, "frames height width"],
    model: Any,
    *,
    image_size: int | None = None,
    batch_size: int = 32,
    normalize: bool = True,
    device: str | torch.device = "cpu",
) -> Float[np.ndarray, "frames features"]:
    """Returns the class token of a vision transformer for each frame, as the paper's labels.

    Frames are resized (bicubic) to a square, repeated in three channels and normalised with the
    mean and the standard deviation of ImageNet, as DINO was trained.

    Args:
        frames: Grey levels in [0, 1], or integers in [0, 255], `(F, H, W)`.
        model: A `transformers.ViTModel`, or the folder of one (see `load_dino`).
        image_size: Pixels of the square; `None` takes that of the model (224 for DINO).
        batch_size: Frames in one pass.
        normalize: Whether rows have unit length, as in the paper.
        device: Where to compute.

    Returns:
        `(F, hidden size)`, float32: 768 columns for ViT-B, 384 for ViT-S.

    Raises:
        DataError: If frames are not three-dimensional, not finite or outside [0, 1].
        InvalidParameterError: If the square does not consist of whole patches.
        FileNotFoundError: If the folder holds no model.

    References:
        Caron et al. (2021), Emerging properties in self-supervised vision transformers,
        doi:10.1109/ICCV48922.2021.00951.
    """
    if isinstance(model, (str, os.PathLike)):
        model = load_dino(model)
    values = np.asarray(frames)
    grey = _as_frames(values / 255 if values.dtype.kind in "iu" else values)
    if float(grey.min()) < 0 or float(grey.max()) > 1:
        raise DataError(
            "frames must be grey levels in [0, 1], or integers in [0, 255]; got values from "
            f"{float(grey.min()):g} to {float(grey.max()):g}. Divide by the white level."
        )
    size = image_size or int(model.config.image_size)
    if size % int(model.config.patch_size):
        raise InvalidParameterError(
            f"image_size must be a multiple of the model's patch, {model.config.patch_size} "
            f"pixels; got {size}."
        )
    network, was_training = model.to(device), model.training
    network.eval()
    with torch.no_grad():
        tokens = [
            network(
                pixel_values=_as_images(part.to(device), size), interpolate_pos_encoding=True
            ).last_hidden_state[:, 0]
            for part in grey.split(batch_size)
        ]
    network.train(was_training)
    features = torch.cat(tokens).float()
    return np.asarray((F.normalize(features, dim=1) if normalize else features).cpu().numpy())


def _as_frames(frames: Any) -> Tensor:
    movie = torch.as_tensor(np.ascontiguousarray(frames, dtype=np.float32))
    if movie.ndim != 3 or movie.numel() == 0:
        raise DataError(
            f"frames must have shape (frames, height, width); got {tuple(movie.shape)}. Average "
            "the colours of a coloured movie first."
        )
    if not bool(torch.isfinite(movie).all()):
        raise DataError("frames must be finite; got NaN or infinity. Cut these frames.")
    return movie


def _as_images(part: Tensor, size: int) -> Tensor:
    """Grey frames `(B, H, W)` as normalised images `(B, 3, size, size)`."""
    square = F.interpolate(
        part[:, None], size=(size, size), mode="bicubic", align_corners=False, antialias=True
    ).clamp(0, 1)
    mean, std = (
        torch.tensor(three, device=part.device)[None, :, None, None]
        for three in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return (square.expand(-1, 3, -1, -1) - mean) / std


def _bank() -> Tensor:
    """Gaussians in one half of the frequency plane, `(filters, H, W)`.

    What such a complex Gabor filter answers has the size of the energy of a quadrature pair.
    """
    vertical = torch.fft.fftfreq(_SIZE[0])[:, None]
    horizontal = torch.fft.fftfreq(_SIZE[1])[None]
    filters = []
    for wavelength in _WAVELENGTHS:
        for number in range(_NUM_ORIENTATIONS):
            angle = torch.tensor(torch.pi * number / _NUM_ORIENTATIONS)
            away = (vertical - angle.sin() / wavelength) ** 2 + (
                horizontal - angle.cos() / wavelength
            ) ** 2
            filters.append(torch.exp(-0.5 * away * (wavelength / _BANDWIDTH) ** 2))
    return torch.stack(filters)


def _energies(part: Tensor, bank: Tensor) -> Tensor:
    """Mean energy in each cell, `(B, filters, rows, columns)`; the mean of a frame is left out."""
    spectrum = torch.fft.fft2(part - part.mean(dim=(1, 2), keepdim=True))
    energy = [
        F.adaptive_avg_pool2d(torch.fft.ifft2(spectrum * gabor).abs()[:, None], _GRID)
        for gabor in bank
    ]
    return torch.log1p(10 * torch.cat(energy, dim=1))


def _moments(part: Tensor) -> Tensor:
    """Luminance and contrast of each cell, `(B, 2, rows, columns)`."""
    exact = part[:, None].double()  # a difference of squares
    mean = F.adaptive_avg_pool2d(exact, _GRID)
    square = F.adaptive_avg_pool2d(exact**2, _GRID)
    return torch.cat([mean, (square - mean**2).clamp(min=0).sqrt()], dim=1)

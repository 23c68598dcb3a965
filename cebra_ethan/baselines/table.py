"""Every method by name: one row adds one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from .autolfads import AutoLFADS
from .classical import PCA, TSNE, UMAP
from .lfads import LFADS
from .pivae import PiVAE
from .protocol import Row

__all__ = ["BASELINES"]

_conv_pivae = partial(PiVAE, window_bins=10, batch_size=200, learning_rate=2.5e-4, epochs=1000)

BASELINES: Mapping[str, Row] = MappingProxyType(
    {
        "pca": Row(PCA),
        "t-sne": Row(TSNE, transductive=True, needs="openTSNE"),
        "umap": Row(UMAP, transductive=True, needs="umap"),
        "vae": Row(partial(PiVAE, label_prior=False, inference="neural")),
        "pi-vae": Row(PiVAE, labels="fit and transform"),
        "pi-vae-without-labels": Row(partial(PiVAE, inference="neural"), labels="fit"),
        "conv-pi-vae": Row(_conv_pivae, labels="fit and transform"),
        "conv-pi-vae-without-labels": Row(partial(_conv_pivae, inference="neural"), labels="fit"),
        "lfads": Row(LFADS),
        "autolfads": Row(AutoLFADS),
    }
)
"""The method of a name; call the row with parameters. It says when the method reads labels. What
follows the defaults is in `tuning.PAPER_SETTINGS`."""

"""The rows of the result table: what the encoder learns from, and what is shuffled."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from cebra_ethan.report.record import Kind

__all__ = ["METHODS", "Method"]


@dataclass(frozen=True)
class Method:
    """One row of the result table.

    Args:
        title: What tables and figures call it.
        labels: What the encoder learns from; none is time alone.
        encoder: `"trained"` (CEBRA), `"baseline"`, `"untrained"`, or `"none"` (the decoder gets
            counts or nothing).
        shuffle: How the training labels are shuffled, a kind of `metrics.shuffle_labels`.
        shuffle_decoder: Whether the decoder gets the shuffled labels too.
        kind: `"method"` or `"control"`.
        transductive: Whether the encoder has seen the neural data of the test part.
        labels_at_inference: Whether it needs labels of the test part to embed it.
        reads: The row whose trained model it reads in another way; it is part of that one's part.
        metric: Of the nearest neighbours: cosine on a sphere.
    """

    title: str
    labels: tuple[str, ...] = ("position", "direction")
    encoder: str = "trained"
    shuffle: str | None = None
    shuffle_decoder: bool = True
    kind: Kind = "method"
    transductive: bool = False
    labels_at_inference: bool = False
    reads: str | None = None
    metric: str = "cosine"

    @property
    def tested(self) -> bool:
        """Whether the permutation test is run: not where the decoder gets shuffled labels."""
        shuffled = self.shuffle is not None and self.shuffle_decoder
        return self.title != _CHANCE and "Monte-Carlo" not in self.title and not shuffled

    @property
    def draws(self) -> bool:
        """Whether a seed changes the result."""
        return self.encoder != "none" and self.title != "PCA"

    @property
    def embeds(self) -> bool:
        """Whether it has points of few dimensions."""
        return self.encoder != "none" and "Monte-Carlo" not in self.title


_CHANCE = "chance, the median position"
_flat = functools.partial(Method, encoder="baseline", metric="euclidean")

METHODS: Mapping[str, Method] = {
    "behavior": Method("CEBRA-Behavior"),
    "time": Method("CEBRA-Time", labels=()),
    "time-all": Method(
        "CEBRA-Time, encoder on everything (paper)", labels=(), transductive=True
    ),
    "hybrid": Method("CEBRA-Hybrid"),
    "position": Method("CEBRA, position only", labels=("position",)),
    "direction": Method("CEBRA, direction only", labels=("direction",)),
    "conv-pivae": _flat("conv-pi-VAE without labels"),
    "conv-pivae-labels": _flat(
        "conv-pi-VAE with test labels (oracle)", labels_at_inference=True, reads="conv-pivae"
    ),
    "conv-pivae-mc": _flat("conv-pi-VAE, Monte-Carlo decoding", reads="conv-pivae"),
    "pivae": _flat("pi-VAE without labels"),
    "pivae-labels": _flat(
        "pi-VAE with test labels (oracle)", labels_at_inference=True, reads="pivae"
    ),
    "pivae-mc": _flat("pi-VAE, Monte-Carlo decoding", reads="pivae"),
    "umap": _flat("UMAP", labels=()),
    "umap-all": _flat("UMAP of everything (paper)", labels=(), transductive=True),
    "tsne": _flat("t-SNE", labels=()),
    "tsne-all": _flat("t-SNE of everything (paper)", labels=(), transductive=True),
    "pca": _flat("PCA", labels=()),
    "lfads": _flat("LFADS", labels=()),
    "autolfads": _flat("autoLFADS", labels=()),
    "permuted": Method(
        "shuffled labels, permuted over time", shuffle="permute", kind="control"
    ),
    "shifted": Method("shuffled labels, shifted in time", shuffle="shift", kind="control"),
    "encoder-permuted": Method(
        "shuffled for the encoder only (paper)", shuffle="permute", shuffle_decoder=False,
        kind="control",
    ),
    "position-permuted": Method(
        "position, shuffled for the encoder only", labels=("position",), shuffle="permute",
        shuffle_decoder=False, kind="control",
    ),
    "direction-permuted": Method(
        "direction, shuffled for the encoder only", labels=("direction",), shuffle="permute",
        shuffle_decoder=False, kind="control",
    ),
    "untrained": Method(
        "untrained encoder", labels=(), encoder="untrained", kind="control"
    ),
    "no-embedding": Method(
        "no embedding, spike counts", labels=(), encoder="none", kind="control"
    ),
    "chance": Method(_CHANCE, labels=(), encoder="none", kind="control"),
}  # fmt: skip

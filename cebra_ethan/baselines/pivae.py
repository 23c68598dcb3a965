"""pi-VAE: a variational autoencoder whose prior over latents depends on labels."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils import _param_validation as allowed
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..data.dataset import as_labels
from ..data.rows import valid_rows
from ..errors import DataError
from ..solver.embed import transform
from ..solver.train import Losses
from ..types import Batch, Recording
from ..utils.device import resolve_device
from ..utils.seeding import Streams, derive_seed, private_torch_rng, resolve_seed
from .embedder import Embedder
from .fitting import batch_of, epochs, num_steps, on_device, train_network
from .labels import LabelCode
from .pivae_decode import candidate_log_likelihood
from .pivae_layers import ClassPrior, ColumnPrior, StandardPrior
from .pivae_network import PiVAENetwork, product

__all__ = ["PiVAE"]

_COUNT = [allowed.Interval(Integral, 1, None, closed="left")]


class PiVAE(Embedder):
    """pi-VAE, conv-pi-VAE, and for comparison a VAE without labels.

    Args:
        n_components: Dimensions of the latents.
        window_bins: Bins that the encoder sees. With 1 it is the perceptron of pi-VAE, with 10
            the convolutional encoder of the paper's conv-pi-VAE.
        likelihood: `"poisson"` (rates by softplus) or `"gaussian"` (a noise variance for each
            neuron is learned).
        label_prior: Whether the prior depends on labels; without it is a plain VAE.
        inference: What `transform` knows: `"labels"` takes the posterior of activity and labels,
            `"neural"` that of activity alone.
        num_units: Units of the encoder.
        num_blocks: Blocks of the decoder's flow.
        learning_rate: Of Adam.
        batch_size: Bins of a step.
        epochs: How often each training bin is seen, at most.
        patience: Epochs without improvement after which training ends; `None` for all epochs.
        validation_fraction: Share of the bins, at the end, on which the best epoch is chosen.
        device: As for `CEBRA`.
        random_state: Seed of weights, order and noise.

    Attributes:
        network_: The trained network, with the weights of the best epoch.
        history_: `loss`, `log_likelihood` and `divergence` of each step, in nats for each bin.
        best_loss_, best_epoch_: The smallest held-out loss, and when it was.
        random_state_: The seed that was used.

    References:
        Zhou & Wei (2020), doi:10.48550/arXiv.2011.04798. Schneider, Lee & Mathis (2023),
        doi:10.1038/s41586-023-06031-6, Methods, for conv-pi-VAE.

    Example:
        >>> X = np.random.default_rng(0).poisson(2.0, size=(200, 6))
        >>> model = PiVAE(inference="neural", epochs=2, random_state=0)
        >>> model.fit(X, np.linspace(0.0, 1.0, 200)).transform(X).shape
        (200, 2)
        >>> model.decode(X, np.linspace(0.0, 1.0, 50)).shape
        (200,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": _COUNT,
        "window_bins": _COUNT,
        "likelihood": [allowed.StrOptions({"poisson", "gaussian"})],
        "label_prior": ["boolean"],
        "inference": [allowed.StrOptions({"labels", "neural"})],
        "num_units": _COUNT,
        "num_blocks": _COUNT,
        "learning_rate": [allowed.Interval(Real, 0, None, closed="neither")],
        "batch_size": _COUNT,
        "epochs": _COUNT,
        "patience": [*_COUNT, None],
        "validation_fraction": [allowed.Interval(Real, 0, 1, closed="neither")],
        "device": [str, torch.device],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 2,
        window_bins: int = 1,
        likelihood: str = "poisson",
        label_prior: bool = True,
        inference: str = "labels",
        num_units: int = 60,
        num_blocks: int = 2,
        learning_rate: float = 5e-4,
        batch_size: int = 300,
        epochs: int = 100,
        patience: int | None = None,
        validation_fraction: float = 0.2,
        device: str = "cuda_if_available",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components, self.window_bins, self.likelihood = (
            n_components,
            window_bins,
            likelihood,
        )
        self.label_prior, self.inference = label_prior, inference
        self.num_units, self.num_blocks = num_units, num_blocks
        self.learning_rate, self.batch_size, self.epochs = learning_rate, batch_size, epochs
        self.patience, self.validation_fraction = patience, validation_fraction
        self.device, self.random_state = device, random_state

    def fit(self, X: Any, y: Any = None, *, trial: Any = None) -> PiVAE:
        """Trains from new weights.

        Args:
            X: Activity `(T, N)`, not negative for a Poisson likelihood; or a `Recording`.
            y: A label `(T,)` or `(T, d)`, a `Label`, or a mapping of names to labels. One
                categorical label is a table in the prior, all else columns, see `LabelCode`.
                Not looked at without `label_prior`.
            trial: Trial of each bin; windows stay inside.

        Raises:
            DataError: If labels are missing, or something cannot be used.
            TrainingDivergedError: If the loss stops being finite.
        """
        recording = self._begin(X, trial)
        if self.n_components > recording.num_neurons or recording.num_neurons < 2:
            raise DataError(
                "the decoder of pi-VAE needs at least 2 neurons and as many as n_components; got "
                f"{recording.num_neurons} feature(s) and n_components={self.n_components}. Pass "
                "more neurons or ask for fewer components."
            )
        seed, device = resolve_seed(self.random_state), resolve_device(self.device)
        self._code = LabelCode(_labels_of(X, y)) if self.label_prior else None
        label = torch.zeros(len(recording), 0)
        if self._code is not None:
            label = self._code.encode(_labels_of(X, y), len(recording))
        self.network_ = self._network(recording.num_neurons, seed).to(device)
        self._train(on_device(recording, device), label.to(device), seed)
        self.random_state_ = seed
        return self

    def transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns the posterior mean of each bin, `(T, n_components)` float32.

        Args:
            X: Activity of the neurons that were fitted.
            y: Labels as in `fit`; needed with `inference="labels"`, not looked at otherwise.
            trial: Trial of each bin; its ends repeat beyond it.

        Raises:
            DataError: If labels are needed and missing.
        """
        recording = self._continue(X, trial)
        network, segments = self.network_, recording.segments
        mean = transform(network.mean, recording.neural, segments)
        if self._code is not None and self.inference == "labels":
            label = self._code.encode(_labels_of(X, y), len(recording)).to(mean.device)
            log_variance = transform(network.log_variance, recording.neural, segments)
            with torch.no_grad():
                mean, _ = product((mean, log_variance), network.prior(label))
        return mean.numpy(force=True).astype(np.float32)

    def decode(
        self, X: Any, candidates: Any, *, num_samples: int = 100
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Returns the most likely of some labels at each bin, all equally likely beforehand.

        Args:
            X: Activity `(T, N)`.
            candidates: Labels to choose from, in the form of `y` in `fit`: with a mapping, row `i`
                of all entries is one candidate. Such as 100 positions in each of two directions.
            num_samples: Latents that are drawn from the prior of each candidate.

        Returns:
            Rows of the candidates, `(T,)` or `(T, d)`; a mapping where they are one.

        Raises:
            DataError: If there is no label prior, or candidates are not like the labels.
        """
        check_is_fitted(self)
        if self._code is None:
            raise DataError(
                "decoding asks how likely activity is under each label; this model has no label "
                "prior. Fit with label_prior=True."
            )
        recording = self._continue(X, None)
        label = self._code.encode(candidates).to(self.network_.device)
        seed = derive_seed(self.random_state_, Streams.EVALUATION)
        scores = candidate_log_likelihood(
            self.network_,
            recording.neural.to(label.device),
            label,
            num_samples=num_samples,
            generator=torch.Generator(label.device).manual_seed(seed),
        )
        best = scores.argmax(dim=1).numpy(force=True)
        chosen = {name: one.to_numpy()[best] for name, one in as_labels(candidates).items()}
        return chosen if isinstance(candidates, Mapping) else next(iter(chosen.values()))

    @property
    def _takes_counts(self) -> bool:
        return self.likelihood == "poisson"

    def _network(self, num_neurons: int, seed: int) -> PiVAENetwork:
        seed = derive_seed(seed, Streams.INITIALISATION)
        with private_torch_rng(seed):  # layers draw weights when they are made, replaced below
            prior: torch.nn.Module = StandardPrior(self.n_components)
            if self._code is not None and self._code.num_classes is not None:
                prior = ClassPrior(self._code.num_classes, self.n_components)
            elif self._code is not None:
                prior = ColumnPrior(self._code.num_columns, self.n_components)
            return PiVAENetwork(
                prior,
                uses_labels=self._code is not None,
                num_neurons=num_neurons,
                num_latents=self.n_components,
                num_units=self.num_units,
                num_blocks=self.num_blocks,
                span=self.window_bins,
                poisson=self.likelihood == "poisson",
                generator=torch.Generator().manual_seed(seed),
            )

    def _train(self, recording: Recording, label: Tensor, seed: int) -> None:
        network, offset = self.network_, self.network_.offset
        rows = valid_rows(recording, offset).cpu()
        border = int(len(recording) * (1 - self.validation_fraction))
        train_rows, held_out = rows[rows < border - offset.right + 1], rows[rows >= border]
        held_out = held_out[held_out - offset.left >= border]
        if not len(train_rows) or not len(held_out):
            raise DataError(
                "training and held-out bins must each hold a whole window; got "
                f"{len(train_rows)} and {len(held_out)}. Pass more data or change "
                "validation_fraction."
            )
        noises = torch.Generator(label.device)

        def loss(batch: Batch, key: int) -> Losses:
            noises.manual_seed(key)
            at = batch.indices.reference
            shape = (len(at), self.n_components)
            noise = torch.randn(shape, generator=noises, device=label.device)
            fit, divergence = network.bound(batch.reference, label[at], noise)
            return {"loss": divergence - fit, "log_likelihood": fit, "divergence": divergence}

        @torch.no_grad()
        def validate(step: int) -> float:
            key = derive_seed(seed, Streams.VALIDATION)
            return float(loss(batch_of(recording, held_out, offset), key)["loss"])

        every = num_steps(len(train_rows), self.batch_size)
        outcome = train_network(
            network,
            torch.optim.Adam(network.parameters(), lr=self.learning_rate, fused=True),
            lambda batch, step: loss(batch, derive_seed(seed, Streams.DROPOUT, step)),
            epochs(
                *(recording, train_rows, offset),
                batch_size=self.batch_size,
                num_epochs=self.epochs,
                seed=seed,
            ),
            validate=validate,
            every=every,
            patience=self.patience or self.epochs,
        )
        self.history_, self.best_loss_ = outcome.history, outcome.best_loss
        self.best_epoch_ = outcome.best_step // every


def _labels_of(X: Any, y: Any) -> Any:
    labels = dict(X.labels) if y is None and isinstance(X, Recording) else y
    if labels is None or (isinstance(labels, dict) and not labels):
        raise DataError(
            "pi-VAE needs labels here; got none. Pass y, or use label_prior=False to train "
            "and inference='neural' to transform without."
        )
    return labels

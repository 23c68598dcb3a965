"""LFADS: latent factors that a recurrent network generates and spikes are drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn import decomposition
from sklearn.utils import _param_validation as allowed
from torch import Tensor

from ..errors import InvalidParameterError
from ..types import Recording
from ..utils.device import resolve_device
from ..utils.seeding import Streams, derive_seed, private_torch_rng, resolve_seed
from .embedder import Embedder
from .fitting import on_device
from .lfads_network import LFADSNetwork, Sequence
from .lfads_segments import chop, starts_of, stitch
from .lfads_training import LFADSSettings, LFADSTraining

__all__ = ["LFADS"]

_CHUNK_SEGMENTS = 256
_COUNT = [allowed.Interval(Integral, 1, None, closed="left")]
_SHARE = [allowed.Interval(Real, 0, 1, closed="left")]
_POSITIVE = [allowed.Interval(Real, 0, None, closed="neither")]
_WEIGHT = [allowed.Interval(Real, 0, None, closed="left")]


class LFADS(Embedder):
    """Latent factor analysis via dynamical systems, of segments of a recording.

    A long recording is cut into overlapping segments, which are joined again after inference; see
    `lfads_network` for the model and `lfads_training` for what it minimises.

    Args:
        n_components: Dimensions of the points: principal components of the factors, or `None` for
            the factors themselves.
        sequence_length: Bins of a segment, at most those of the longest trial.
        overlap: Bins that neighbouring segments share.
        num_factors: Factors.
        num_encoder: Units of each direction of an encoder.
        num_generator: Units of the generator.
        num_initial: Dimensions of the initial condition.
        num_inputs: Inferred inputs; 0, for dynamics that nothing disturbs, is twice as fast.
        num_controller: Units of the controller.
        learning_rate: Of Adam; it shrinks by 5 % after 6 epochs without improvement.
        dropout: Share of hidden numbers that are dropped in training.
        coordinated_dropout: Share of counts that are hidden from the input and learned from.
        kl_initial: Weight of the initial condition's divergence from its prior.
        kl_inputs: Weight of the inputs' divergence from their prior.
        l2: Weight of the recurrent weights' mean square.
        ramp_epochs: Epochs over which the last three grow from 0.
        max_norm: Longer gradients are shortened to it.
        batch_size: Segments of a step.
        epochs: How often each segment is seen, at most.
        patience: Epochs without improvement after which training ends; `None` for all epochs.
        held_out: Share of single counts that training does not see and is judged by.
        device: As for `CEBRA`.
        random_state: Seed of weights, order, dropout and held-out counts.

    Attributes:
        network_: The trained network, with the weights of the best epoch.
        history_: `loss`, `misfit` and both divergences of each step, in nats for each count.
        best_loss_, best_epoch_: The smallest held-out loss, and when it was.
        bits_per_spike_: How much better than mean rates held-out counts are predicted.
        random_state_: The seed that was used.

    References:
        Pandarinath et al. (2018), doi:10.1038/s41592-018-0109-9.

    Example:
        >>> X = np.random.default_rng(0).poisson(1.0, size=(90, 5))
        >>> model = LFADS(sequence_length=20, overlap=5, num_inputs=0, epochs=2, random_state=0)
        >>> model.fit(X).transform(X).shape
        (90, 8)
        >>> model.rates(X).shape
        (90, 5)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [*_COUNT, None],
        "sequence_length": [allowed.Interval(Integral, 2, None, closed="left")],
        "overlap": [allowed.Interval(Integral, 0, None, closed="left")],
        "num_inputs": [allowed.Interval(Integral, 0, None, closed="left")],
        **dict.fromkeys(("num_factors", "num_encoder", "num_generator", "num_initial"), _COUNT),
        **dict.fromkeys(("num_controller", "batch_size", "epochs"), _COUNT),
        **dict.fromkeys(("learning_rate", "max_norm"), _POSITIVE),
        **dict.fromkeys(("dropout", "coordinated_dropout", "held_out"), _SHARE),
        **dict.fromkeys(("kl_initial", "kl_inputs", "l2"), _WEIGHT),
        "ramp_epochs": [allowed.Interval(Integral, 0, None, closed="left")],
        "patience": [*_COUNT, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int | None = None,
        sequence_length: int = 50,
        overlap: int = 10,
        num_factors: int = 8,
        num_encoder: int = 64,
        num_generator: int = 64,
        num_initial: int = 32,
        num_inputs: int = 1,
        num_controller: int = 32,
        learning_rate: float = 1e-2,
        dropout: float = 0.05,
        coordinated_dropout: float = 0.3,
        kl_initial: float = 1.0,
        kl_inputs: float = 1.0,
        l2: float = 1e-2,
        ramp_epochs: int = 20,
        max_norm: float = 1.0,
        batch_size: int = 16,
        epochs: int = 200,
        patience: int | None = None,
        held_out: float = 0.2,
        device: str = "cuda_if_available",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components, self.sequence_length, self.overlap = (
            n_components,
            sequence_length,
            overlap,
        )
        self.num_factors, self.num_encoder = num_factors, num_encoder
        self.num_generator, self.num_initial = num_generator, num_initial
        self.num_inputs, self.num_controller = num_inputs, num_controller
        self.learning_rate, self.dropout = learning_rate, dropout
        self.coordinated_dropout = coordinated_dropout
        self.kl_initial, self.kl_inputs, self.l2 = kl_initial, kl_inputs, l2
        self.ramp_epochs, self.max_norm, self.batch_size = ramp_epochs, max_norm, batch_size
        self.epochs, self.patience, self.held_out = epochs, patience, held_out
        self.device, self.random_state = device, random_state

    def fit(self, X: Any, y: Any = None, *, trial: Any = None) -> LFADS:
        """Trains from new weights.

        Args:
            X: Counts `(T, N)`, not negative; or a `Recording`.
            y: Not looked at.
            trial: Trial of each bin; segments stay inside, and trials shorter than one are left
                out of the training.

        Raises:
            DataError: If `X` cannot be used, or no trial holds a segment.
            InvalidParameterError: If a parameter is outside its set.
            TrainingDivergedError: If the loss stops being finite.
        """
        training = self.training(X, trial=trial)
        outcome = training.run(self.epochs, self.patience)
        self.take(training, outcome.best_loss)
        self.history_ = outcome.history
        self.best_epoch_ = outcome.best_step // num_batches(training)
        return self

    def training(self, X: Any, *, trial: Any = None) -> LFADSTraining:
        """Returns a training that has not begun, for a search that takes its steps itself."""
        recording = self._begin(X, trial)
        if self.overlap >= self.sequence_length or (self.n_components or 0) > self.num_factors:
            raise InvalidParameterError(
                "overlap must be less than sequence_length and n_components at most num_factors; "
                f"got overlap={self.overlap}, sequence_length={self.sequence_length}, "
                f"n_components={self.n_components} and num_factors={self.num_factors}."
            )
        self.random_state_ = resolve_seed(self.random_state)
        device = resolve_device(self.device)
        weights = derive_seed(self.random_state_, Streams.INITIALISATION)
        with private_torch_rng(weights):  # layers draw weights when they are made, replaced below
            network = LFADSNetwork(
                *(recording.num_neurons, self.num_factors, self.num_encoder, self.num_generator),
                *(self.num_initial, self.num_inputs, self.num_controller),
                torch.Generator().manual_seed(weights),
            )
        return LFADSTraining(
            network.to(device),
            on_device(recording, device),
            self.settings,
            length=self.sequence_length,
            overlap=self.overlap,
            batch_size=self.batch_size,
            ramp_epochs=self.ramp_epochs,
            held_out=self.held_out,
            max_norm=self.max_norm,
            seed=self.random_state_,
        )

    @property
    def settings(self) -> LFADSSettings:
        """The parameters that a search may change."""
        names = LFADSSettings.__dataclass_fields__
        return LFADSSettings(**{name: getattr(self, name) for name in names})

    def take(self, training: LFADSTraining, loss: float) -> LFADS:
        """Becomes fitted with the network of a training, whose held-out loss is given."""
        self.network_, self.best_loss_ = training.network, loss
        self.bits_per_spike_ = training.bits_per_spike(loss)
        self.components_ = None
        if self.n_components is not None:
            factors = self._stitched(training.recording, "factors")
            self.components_ = decomposition.PCA(self.n_components, svd_solver="full").fit(factors)
        return self

    def transform(self, X: Any, y: Any = None, *, trial: Any = None) -> np.ndarray:
        """Returns the factors of each bin or their components, from posterior means, float32.

        Bins before and after a bin are used, as far as its segments reach.
        """
        factors = self._stitched(self._continue(X, trial), "factors")
        if self.components_ is not None:
            factors = self.components_.transform(factors).astype(np.float32)
        return factors

    def rates(self, X: Any, *, trial: Any = None) -> np.ndarray:
        """Returns the expected counts of each bin, `(T, N)` float32."""
        log_rates = self._stitched(self._continue(X, trial), "log_rates")
        return np.asarray(np.exp(log_rates))

    @property
    def _takes_counts(self) -> bool:
        return True

    @property
    def _n_features_out(self) -> int:
        return self.num_factors if self.n_components is None else self.n_components

    def _stitched(self, recording: Recording, what: str) -> np.ndarray:
        starts = starts_of(recording, self.sequence_length, self.overlap, whole=False)
        rows = chop(recording, starts, self.sequence_length)
        parts = [getattr(found, what) for found in self._inferred(recording, rows)]
        joined = stitch(torch.cat(parts), rows, self.overlap, len(recording))
        return joined.numpy(force=True)

    @torch.no_grad()
    def _inferred(self, recording: Recording, rows: Tensor) -> Iterator[Sequence]:
        device = self.network_.readout.weight.device
        for part in rows.split(_CHUNK_SEGMENTS):
            counts = recording.neural[part.T.to(recording.neural.device)].to(device)
            yield self.network_(counts, None, 0.0)


def num_batches(training: LFADSTraining) -> int:
    """Returns the steps of one epoch of a training."""
    return -(-len(training.starts) // training.batch_size)

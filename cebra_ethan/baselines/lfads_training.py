"""The training of LFADS: coordinated dropout, held-out samples, ramps; it can be continued."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..errors import DataError, InvalidParameterError
from ..solver.train import Losses
from ..types import Batch, Offset, Recording
from ..utils.seeding import Streams, derive_seed
from .fitting import Outcome, batch_of, epochs, num_steps, train_network
from .lfads_network import LFADSNetwork
from .lfads_segments import starts_of

__all__ = ["LFADSSettings", "LFADSTraining"]

_CHUNK_SEGMENTS = 256
_DECAY, _DECAY_PATIENCE = 0.95, 6  # of the learning rate, Pandarinath et al. (2018)
_LEAST_RATE = 1e-3  # counts of a silent neuron, whose logarithm must be finite


@dataclass(frozen=True, kw_only=True)
class LFADSSettings:
    """What a search may change while the network stays the same.

    Args:
        learning_rate: Of Adam at the start.
        dropout: Share of hidden numbers that are dropped.
        coordinated_dropout: Share of the counts that are hidden from the input; the loss is then
            that of these alone, so that copying a count is of no use.
        kl_initial: Weight of the initial condition's divergence; 1 is the evidence lower bound.
        kl_inputs: Weight of the inputs' divergence.
        l2: Weight of the recurrent weights' mean square.

    Raises:
        InvalidParameterError: If one is outside its range.

    References:
        Keshtkaran & Pandarinath (2019), doi:10.48550/arXiv.1908.07896, for coordinated dropout.
    """

    learning_rate: float = 1e-2
    dropout: float = 0.05
    coordinated_dropout: float = 0.3
    kl_initial: float = 1.0
    kl_inputs: float = 1.0
    l2: float = 1e-2

    def __post_init__(self) -> None:
        shares = self.dropout, self.coordinated_dropout
        weights = self.kl_initial, self.kl_inputs, self.l2
        if not (
            self.learning_rate > 0 and min(weights) >= 0 and 0 <= min(shares) <= max(shares) < 1
        ):
            raise InvalidParameterError(
                "LFADS needs a positive learning rate, weights of at least 0 and dropout in "
                f"[0, 1); got {self}. Correct the one that is outside."
            )


class LFADSTraining:
    """A network in training on the segments of one recording.

    Args:
        network: What is trained.
        recording: Counts; on the device.
        settings: See `LFADSSettings`.
        length: Bins of a segment.
        overlap: Bins that neighbouring segments share.
        batch_size: Segments of a step.
        ramp_epochs: Epochs over which divergences and penalty reach their weight.
        held_out: Share of the counts, single bins of single neurons anywhere, that are neither
            input nor target; their likelihood judges the training.
        max_norm: Longer gradients are shortened to it, in nats per count.
        seed: Seed of all that is drawn.

    Attributes:
        num_epochs: Epochs done so far.

    References:
        Keshtkaran et al. (2022), doi:10.1038/s41592-022-01675-0, Methods; their "sample
        validation" is what `held_out` means.
    """

    def __init__(
        self,
        network: LFADSNetwork,
        recording: Recording,
        settings: LFADSSettings,
        *,
        length: int,
        overlap: int,
        batch_size: int,
        ramp_epochs: int,
        held_out: float,
        max_norm: float,
        seed: int,
    ) -> None:
        self.network, self.recording = network, recording
        self.offset, self.batch_size = Offset(0, length), batch_size
        self.ramp_epochs, self.max_norm, self.seed = ramp_epochs, max_norm, seed
        self.held_out = held_out
        self.starts = starts_of(recording, length, overlap, whole=True)
        if not len(self.starts):
            longest = int(recording.segments.diff(dim=1).max())
            raise DataError(
                f"LFADS trains on segments of {length} bins; the longest trial has {longest}. "
                "Lower sequence_length or pass longer trials."
            )
        neural = recording.neural
        draws = torch.Generator().manual_seed(derive_seed(seed, Streams.VALIDATION))
        self.hidden = (torch.rand(neural.shape, generator=draws) < held_out).to(neural.device)
        self.noise = torch.Generator(neural.device)
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=settings.learning_rate, fused=True
        )
        self.use(settings)
        mean = neural.mean(dim=0).clamp(min=_LEAST_RATE)
        network.fitted_to(mean.log())
        self.num_epochs = 0

    def use(self, settings: LFADSSettings) -> None:
        """Goes on with these settings; the learning rate begins to decay anew."""
        self.settings = settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate
        self.decay = ReduceLROnPlateau(self.optimizer, factor=_DECAY, patience=_DECAY_PATIENCE)

    def run(self, num_epochs: int, patience: int | None = None) -> Outcome:
        """Trains for some epochs; the network then has the best weights of these."""
        every = num_steps(len(self.starts), self.batch_size)
        outcome = train_network(
            self.network,
            self.optimizer,
            self._loss,
            epochs(
                *(self.recording, self.starts, self.offset),
                batch_size=self.batch_size,
                num_epochs=num_epochs,
                seed=self.seed,
                start=self.num_epochs,
            ),
            validate=self._validate,
            every=every,
            patience=patience or num_epochs,
            max_norm=self.max_norm,
            start=self.num_epochs * every,
        )
        self.num_epochs += len(outcome.history["loss"]) // every
        return outcome

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Returns the mean of minus the log-likelihood of a held-out count, in nats.

        Up to the logarithm of its factorial, with posterior means. Without held-out counts it is
        that of all counts, which also rewards copying them.
        """
        total, count = 0.0, 0
        for part in self.starts.split(_CHUNK_SEGMENTS):
            batch = batch_of(self.recording, part, self.offset)
            counts, hidden = self._segments(batch)
            judged = hidden if self.held_out else ~hidden
            log_rates = self.network(self._shown(counts, ~hidden, 0.0), None, 0.0).log_rates
            total += float(_surprise(counts, log_rates.transpose(0, 1))[judged].sum())
            count += int(judged.sum())
        return total / count

    def bits_per_spike(self, loss: float) -> float:
        """Returns how much better than mean rates a held-out loss is, in bits for each spike."""
        counts = self.recording.neural
        mean = counts.mean(dim=0).clamp(min=_LEAST_RATE).log().expand_as(counts)
        judged = self.hidden if self.held_out else ~self.hidden
        constant = float(_surprise(counts, mean)[judged].mean())
        return (constant - loss) / (float(counts[judged].mean()) * math.log(2))

    def state_dict(self) -> dict[str, Any]:
        """Returns what a training that goes on elsewhere needs."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "num_epochs": self.num_epochs,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there, with the settings that this training has."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.num_epochs = state["num_epochs"]
        self.use(self.settings)

    def _loss(self, batch: Batch, step: int) -> Losses:
        self.noise.manual_seed(derive_seed(self.seed, Streams.DROPOUT, step))
        counts, hidden = self._segments(batch)
        share, settings = self.settings.coordinated_dropout, self.settings
        draws = torch.rand(counts.shape, generator=self.noise, device=counts.device)
        shown = ~hidden & (draws >= share)
        target = (~hidden & ~shown if share else ~hidden).to(counts)
        found = self.network(self._shown(counts, shown, share), self.noise, settings.dropout)
        surprise = _surprise(counts, found.log_rates.transpose(0, 1))
        misfit = (surprise * target).sum() / target.sum().clamp(min=1)
        num_counts = counts.shape[0] * counts.shape[2]
        initial = found.initial_divergence.mean() / num_counts
        inputs = found.input_divergence.mean() / num_counts
        every = num_steps(len(self.starts), self.batch_size)
        ramp = min(1.0, (step + 1) / max(1, self.ramp_epochs * every))
        added = settings.kl_initial * initial + settings.kl_inputs * inputs
        added = added + settings.l2 * self.network.recurrent_penalty()
        return {
            "loss": misfit + ramp * added,
            "misfit": misfit,
            "initial_divergence": initial,
            "input_divergence": inputs,
        }

    def _validate(self, step: int) -> float:
        loss = self.held_out_loss()
        self.decay.step(loss)
        return loss

    def _segments(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "bins batch neurons"], Bool[Tensor, "bins batch neurons"]]:
        steps = torch.arange(self.offset.span, device=self.hidden.device)
        rows = batch.indices.reference + steps[:, None]
        return batch.reference.permute(2, 0, 1), self.hidden[rows]

    def _shown(self, counts: Tensor, shown: Tensor, share: float) -> Tensor:
        return counts * shown / ((1 - self.held_out) * (1 - share))


def _surprise(counts: Tensor, log_rates: Tensor) -> Tensor:
    return log_rates.exp() - counts * log_rates

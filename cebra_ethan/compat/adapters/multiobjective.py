"""`cebra.solver.multiobjective` and `.regularized`: several losses, or a penalty beside one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError, InvalidParameterError
from ...models.jacobian import JacobianRegularizer
from ...solver.callbacks import EveryFewSteps
from ...types import Batch, Objective
from .objective_config import MultiCriterions
from .objectives import SupervisedBatch
from .solvers import Solver
from .subspaces import JacobianReg, create_multiobjective_model

__all__ = [
    "ContrastiveMultiobjectiveSolverxCEBRA",
    "RegularizedSolver",
    "SupervisedMultiobjectiveSolverxCEBRA",
]


class ContrastiveMultiobjectiveSolverxCEBRA(Solver):
    """Trains the slices of an embedding, each by an objective of its own.

    Args:
        model: An encoder; `solver.model` is a `SubspaceMultiobjectiveModel` of it.
        criterion: A `MultiCriterions`, as a `MultiObjectiveConfig` makes it.
        optimizer: Over the parameters of both.
        tqdm_on: Whether `fit` shows a bar.
        feature_ranges: The slices.
        renormalize: See `SubspaceMultiobjectiveModel`.
        use_sam: Must be false: there is no such optimiser in torch, or in `cebra`.
        regularizer: A `JacobianReg`; of effect with a `scheduler_regularizer`.

    Raises:
        InvalidParameterError: If there are not as many criteria as slices, or SAM is asked for.
    """

    def __init__(
        self,
        model: Any,
        criterion: MultiCriterions,
        optimizer: torch.optim.Optimizer,
        tqdm_on: bool = True,
        feature_ranges: Sequence[slice] | None = None,
        renormalize: bool | None = None,
        use_sam: bool = False,
        regularizer: JacobianReg | None = None,
    ) -> None:
        ranges = list(feature_ranges or ())
        if use_sam or len(ranges) != len(criterion.criterions):
            raise InvalidParameterError(
                "a solver of several objectives needs a slice for each criterion, and use_sam="
                f"False; got {len(ranges)} slices, {len(criterion.criterions)} criteria and "
                f"use_sam={use_sam!r}. Take both from one MultiObjectiveConfig."
            )
        whole = create_multiobjective_model(
            model, feature_ranges=ranges, renormalize=bool(renormalize)
        )
        objectives = [
            Objective(one, f"objective {k}", dims=dims)
            for k, (one, dims) in enumerate(zip(criterion.criterions, ranges, strict=True))
        ]
        super().__init__(whole, objectives, optimizer, tqdm_on=tqdm_on)
        self.feature_ranges, self.regularizer = ranges, regularizer
        self._criterion = criterion

    def fit(
        self,
        loader: Any,
        valid_loader: Any = None,
        *,
        valid_frequency: int | None = None,
        log_frequency: int | None = None,
        save_hook: Any = None,
        scheduler_regularizer: Any = None,
        scheduler_loss: Any = None,
        logger: Any = None,
        **options: Any,
    ) -> Solver:
        """Trains on a loader, see `SingleSessionSolver.fit`.

        Args:
            loader: Learned the objectives of the criterion, in the same order.
            valid_loader: Held-out data, likewise.
            valid_frequency: Steps between two evaluations.
            log_frequency: Of no effect; see `history` and `log`.
            save_hook: Called with `step=` and `solver=` after each evaluation.
            scheduler_regularizer: A `LinearScheduler` of the penalty's weight.
            scheduler_loss: A `ConstantScheduler` of the weights of the losses.
            logger: Of no effect.
            options: Further keywords of `SingleSessionSolver.fit`.

        Raises:
            InvalidParameterError: If a scheduler has another number of weights than there are
                objectives, or there is no penalty to schedule.
        """
        self._schedule(scheduler_regularizer, scheduler_loss)
        if valid_loader is not None and save_hook is not None:
            hook = EveryFewSteps(
                lambda step: save_hook(step=step, solver=self), valid_frequency or 1
            )
            options["callbacks"] = [*options.get("callbacks", ()), hook]
        with self.model.whole():  # type: ignore[operator]
            super().fit(loader, valid_loader, valid_frequency=valid_frequency, **options)
        return self

    def transform(self, inputs: Any, *args: Any, **options: Any) -> Any:
        """Returns one point for each bin of `(T, N)`, in all dimensions."""
        with self.model.whole():  # type: ignore[operator]
            return super().transform(inputs, *args, **options)

    @property
    def criterion(self) -> Any:
        """All losses."""
        return self._criterion

    @property
    def log(self) -> dict[tuple[Any, ...], list[float]]:
        """Losses of all steps by the names of `cebra`, and the weighted `("penalty",)`."""
        own: dict[tuple[Any, ...], str] = {
            ("sum_loss_train",): "loss",
            ("penalty",): "penalty",
        }
        names: dict[tuple[Any, ...], str] = {
            ("loss_train", k): f"{o.name}/loss" for k, o in enumerate(self.objectives)
        }
        if len(self.objectives) == 1:
            names = {("loss_train", 0): "objectives" if "objectives" in self.history else "loss"}
        return {
            key: self.history[name].tolist()
            for key, name in {**own, **names}.items()
            if name in self.history
        }

    def _schedule(self, penalty: Any, losses: Any) -> None:
        count = len(self.objectives)
        weights = [1.0] * count if losses is None else losses.get_weights() or [1.0] * count
        splits = count if penalty is None else penalty.n_splits
        if len(weights) != count or splits != count or (penalty and not self.regularizer):
            raise InvalidParameterError(
                f"schedulers must have a weight for each of {count} objectives, and a scheduled "
                f"penalty a regularizer; got {len(weights)} and {splits} weights and "
                f"regularizer={self.regularizer!r}. Pass n_splits={count}, and JacobianReg()."
            )
        pairs = zip(self.objectives, weights, strict=True)
        self.objectives = tuple(replace(one, weight=weight) for one, weight in pairs)
        if penalty is not None:
            assert self.regularizer is not None
            own = self.regularizer.regularizer(penalty.schedule, tuple(self.feature_ranges))
            self.additions = self.additions._replace(regularizer=own)


class SupervisedMultiobjectiveSolverxCEBRA(ContrastiveMultiobjectiveSolverxCEBRA):
    """Trains the slices of an embedding to equal labels: a baseline without contrasts.

    Args:
        model: As for `ContrastiveMultiobjectiveSolverxCEBRA`; so are the rest.
        criterion: A `MultiCriterions` of mode `"supervised"`.
        options: The rest.
    """

    def fit(self, loader: Any, valid_loader: Any = None, **options: Any) -> Solver:
        """Trains on a `SupervisedMultiObjectiveLoader`.

        Raises:
            InvalidParameterError: If the penalty on the Jacobian is scheduled.
        """
        if options.get("scheduler_regularizer") is not None:
            raise InvalidParameterError(
                "the penalty on the Jacobian is one of contrastive training here; got a "
                "scheduler_regularizer. Leave it out."
            )
        return super().fit(loader, valid_loader, **options)

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the weighted sum of all losses, and each by name, detached.

        Raises:
            DataError: If the batch has no labels.
        """
        if not isinstance(batch, SupervisedBatch) or len(batch.values) != len(self.objectives):
            raise DataError(
                f"supervised training needs {len(self.objectives)} labels of each reference; got "
                f"a {type(batch).__name__}. Use SupervisedMultiObjectiveLoader and add_config."
            )
        points = self.model(batch.reference)[:, :, 0]
        values = {
            f"{one.name}/loss": one.criterion(one.subspace(points), label.to(points.device))
            for one, label in zip(self.objectives, batch.targets, strict=True)
        }
        pairs = zip(self.objectives, values.values(), strict=True)
        total = torch.stack([one.weight_at() * value for one, value in pairs]).sum()
        return total, {"loss": total.detach(), **{k: one.detach() for k, one in values.items()}}

    def _minimised(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return self.loss(batch)


def RegularizedSolver(
    model: Any,
    criterion: Any,
    optimizer: Any,
    tqdm_on: bool = True,
    lambda_JR: float | None = None,
) -> Solver:
    """Returns a solver that adds the exact penalty on the Jacobian to its loss.

    Args:
        model: As for `Solver`.
        criterion: Likewise.
        optimizer: Likewise.
        tqdm_on: Likewise.
        lambda_JR: The weight of the penalty.

    Raises:
        InvalidParameterError: If there is no weight.
    """
    if lambda_JR is None:
        raise InvalidParameterError("lambda_JR must be the weight of the penalty; got None.")
    penalty = JacobianRegularizer(weight=lambda_JR, num_projections=-1)
    return Solver(model, criterion, optimizer, tqdm_on=tqdm_on, regularizer=penalty)

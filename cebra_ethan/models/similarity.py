"""How near two embeddings are."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidParameterError

__all__ = [
    "SIMILARITIES",
    "Similarity",
    "dot_similarity",
    "euclidean_similarity",
    "resolve_similarity",
]

Similarity = Callable[[Tensor, Tensor], Tensor]
"""Maps reference `(B, D)` and candidates `(B', D)` or `(B, K, D)` to `(B, B')` or `(B, K)`."""


def dot_similarity(
    reference: Float[Tensor, "batch dims"], candidates: Float[Tensor, "*candidates dims"]
) -> Float[Tensor, "batch others"]:
    r"""Returns :math:`x^\top y`: the cosine, if the embeddings are unit vectors.

    Args:
        reference: `(B, D)`.
        candidates: `(B', D)` shared by all references, or `(B, K, D)`.

    Returns:
        `(B, B')` or `(B, K)`.

    Example:
        >>> import torch
        >>> dot_similarity(torch.eye(2), torch.tensor([[3.0, 4.0]]))
        tensor([[3.],
                [4.]])
    """
    if candidates.ndim == 2:
        return reference @ candidates.T
    return (reference.unsqueeze(1) * candidates).sum(2)


def euclidean_similarity(
    reference: Float[Tensor, "batch dims"], candidates: Float[Tensor, "*candidates dims"]
) -> Float[Tensor, "batch others"]:
    r"""Returns :math:`-\|x - y\|^2`, the squared distance with a minus.

    Args:
        reference: `(B, D)`.
        candidates: `(B', D)` shared by all references, or `(B, K, D)`.

    Returns:
        `(B, B')` or `(B, K)`.

    Example:
        >>> import torch
        >>> euclidean_similarity(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([[-25.]])
    """
    if candidates.ndim == 2:  # through a matrix product, to hold no (B, B', D)
        squares = reference.square().sum(1, keepdim=True) + candidates.square().sum(1)
        return 2 * reference @ candidates.T - squares
    return -(reference.unsqueeze(1) - candidates).square().sum(2)


SIMILARITIES: dict[str, Similarity] = {
    "cosine": dot_similarity,
    "euclidean": euclidean_similarity,
}
"""Name to similarity. One row adds a distance."""


def resolve_similarity(similarity: str | Similarity) -> Similarity:
    """Returns the similarity of a name; a function is returned as it is.

    Raises:
        InvalidParameterError: If no similarity has this name; the message lists the rows.

    Example:
        >>> resolve_similarity("cosine") is dot_similarity
        True
    """
    if isinstance(similarity, str):
        if similarity not in SIMILARITIES:
            raise InvalidParameterError(
                f"similarity must be one of {', '.join(SIMILARITIES)}, or a function; got "
                f"{similarity!r}. Choose one of these."
            )
        return SIMILARITIES[similarity]
    return similarity

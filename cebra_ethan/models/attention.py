"""Self-attention over the bins, or the neurons, of a window."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import InvalidParameterError
from .base import OffsetModel, centered, check_counts, check_probability
from .layers import GELU

__all__ = ["AttentionBlock", "AttentionOffsetModel", "TokenEncoder", "Tokens"]

Tokens = Literal["time", "neurons"]


class AttentionOffsetModel(OffsetModel):
    """Multi-head self-attention over the bins of the receptive field, or over its neurons.

    Each bin (or each neuron, with the time course of its window) becomes a token of `num_units`
    numbers, to which a learned position (or neuron identity) is added. Pre-norm residual blocks
    let all tokens exchange information; in the last one only the window's mean token asks, and
    its answer is the embedding. Asking once instead of `span` times saves most of that block.

    Unlike convolutions, overlapping windows share no work after the first layer, so a recording
    costs as much as all its windows (`shift_equivariant` is `False`).

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Size of a token; a multiple of `num_heads`.
        num_output: Dimensions `D` of the embedding.
        span: Bins of the receptive field.
        num_heads: Attention heads in each block.
        num_layers: Blocks, the one that pools included.
        over: What a token is: `"time"`, one bin of all neurons, or `"neurons"`, one neuron over
            all bins. Attention over neurons costs more when there are more neurons than bins.
        dropout: Probability of dropping an attention weight or a residual in training.
        normalize: Whether embeddings are unit vectors.
        causal: Whether the window ends with its bin instead of lying around it.

    Raises:
        InvalidParameterError: If `num_heads` does not divide `num_units`, or a value is outside
            its range.

    References:
        Vaswani et al. (2017), doi:10.48550/arXiv.1706.03762, eq. 1 (attention).
        Xiong et al. (2020), doi:10.48550/arXiv.2002.04745 (normalisation before each branch).
        Ye & Pandarinath (2021), doi:10.51628/001c.27358 (attention over the bins of spikes).

    Example:
        >>> model = AttentionOffsetModel(num_neurons=50, num_units=128, num_output=3)
        >>> model(torch.randn(32, 50, 10)).shape
        torch.Size([32, 3, 1])
    """

    shift_equivariant = False

    def __init__(
        self,
        num_neurons: int,
        num_units: int,
        num_output: int,
        *,
        span: int = 10,
        num_heads: int = 4,
        num_layers: int = 2,
        over: Tokens = "time",
        dropout: float = 0.0,
        normalize: bool = True,
        causal: bool = False,
    ) -> None:
        check_counts(num_neurons=num_neurons, num_units=num_units, num_output=num_output)
        check_counts(span=span, num_heads=num_heads, num_layers=num_layers)
        if num_units % num_heads:
            raise InvalidParameterError(
                f"num_units must be a multiple of num_heads; got {num_units} units and "
                f"{num_heads} heads. Use {num_units - num_units % num_heads or num_heads} units, "
                "or another number of heads."
            )
        if over not in get_args(Tokens):
            raise InvalidParameterError(
                f"over must be one of {', '.join(get_args(Tokens))}; got {over!r}. It names what "
                "attends to each other."
            )
        check_probability("dropout", dropout)
        super().__init__(
            centered(span),
            TokenEncoder(num_neurons, num_units, span, over),
            *(AttentionBlock(num_units, num_heads, dropout) for _ in range(num_layers - 1)),
            AttentionBlock(num_units, num_heads, dropout, pool=True),
            Readout(num_units, num_output),
            num_neurons=num_neurons,
            num_output=num_output,
            normalize=normalize,
            causal=causal,
        )
        # Neurons are what a token is made of, or what is told apart by its position.
        self.input_layers = ("net.0.project",) if over == "time" else ("net.0.position",)


class TokenEncoder(nn.Module):
    """Cuts `(B, N, L)` into windows and makes a token of each bin or neuron.

    Args:
        num_neurons: Neurons `N` of the input.
        num_units: Size `U` of a token.
        span: Bins of a window.
        over: What a token is, `"time"` or `"neurons"`.
    """

    def __init__(self, num_neurons: int, num_units: int, span: int, over: Tokens) -> None:
        super().__init__()
        num_inputs, num_tokens = (num_neurons, span) if over == "time" else (span, num_neurons)
        self.over, self.span = over, span
        self.project = nn.Linear(num_inputs, num_units)
        # 0.02 as in GPT-2 and ViT: tokens start out alike, their order is learned.
        self.position = nn.Parameter(0.02 * torch.randn(num_tokens, num_units))

    def forward(
        self, neural: Float[Tensor, "batch neurons bins"]
    ) -> Float[Tensor, "batch windows tokens units"]:
        """Returns the tokens of each window, `(B, L - span + 1, tokens, U)`."""
        if self.over == "time":  # a bin is projected once, then seen by `span` windows
            tokens = self.project(neural.transpose(1, 2)).unfold(1, self.span, 1).transpose(2, 3)
        else:
            tokens = self.project(neural.unfold(2, self.span, 1).transpose(1, 2))
        return tokens + self.position


class AttentionBlock(nn.Module):
    r"""A pre-norm residual block: attention between tokens, then two layers for each token.

    .. math::
        \mathrm{softmax}\Big(\frac{Q K^\top}{\sqrt{d}}\Big) V, \quad Q, K, V = W_{qkv} x

    Args:
        num_units: Size `U` of a token.
        num_heads: Heads, each of `U / num_heads` numbers.
        dropout: Probability of dropping an attention weight or a residual in training.
        pool: Whether only the mean token asks, which leaves one token for each window.

    References:
        Vaswani et al. (2017), doi:10.48550/arXiv.1706.03762, eq. 1.

    Example:
        >>> AttentionBlock(16, num_heads=4)(torch.randn(2, 1, 10, 16)).shape
        torch.Size([2, 1, 10, 16])
    """

    def __init__(
        self, num_units: int, num_heads: int, dropout: float = 0.0, *, pool: bool = False
    ) -> None:
        super().__init__()
        self.num_heads, self.dropout, self.pool = num_heads, dropout, pool
        self.norm_tokens = nn.LayerNorm(num_units)
        self.query = nn.Linear(num_units, num_units)
        self.key_value = nn.Linear(num_units, 2 * num_units)
        self.merge = nn.Linear(num_units, num_units)
        # As wide as a token, not four times: nearly all time goes into these products, and with
        # four times the width the step of the quick start takes 1.6 times longer on one core.
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(num_units),
            nn.Linear(num_units, num_units),
            GELU(),
            nn.Linear(num_units, num_units),
        )

    def forward(
        self, tokens: Float[Tensor, "batch windows tokens units"]
    ) -> Float[Tensor, "batch windows _ units"]:
        """Returns the tokens after one exchange, or one token for each window when pooling."""
        asking = tokens.mean(2, keepdim=True) if self.pool else tokens
        asking = asking + self._drop(self._attend(asking, tokens))
        return asking + self._drop(self.feed_forward(asking))

    def _attend(self, asking: Tensor, tokens: Tensor) -> Tensor:
        normed = self.norm_tokens(tokens)
        query = self.query(self.norm_tokens(asking) if self.pool else normed)
        key, value = self.key_value(normed).chunk(2, dim=-1)
        answer = F.scaled_dot_product_attention(
            self._heads(query),
            self._heads(key),
            self._heads(value),
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.merge(answer.transpose(1, 2).reshape(asking.shape))

    def _heads(self, tokens: Tensor) -> Tensor:  # (batch * windows, heads, tokens, size)
        return tokens.reshape(
            -1, tokens.shape[2], self.num_heads, tokens.shape[3] // self.num_heads
        ).transpose(1, 2)

    def _drop(self, tokens: Tensor) -> Tensor:
        return F.dropout(tokens, self.dropout, self.training) if self.dropout else tokens


class Readout(nn.Module):
    """Maps the one token of each window to its embedding, `(B, D, windows)`.

    Args:
        num_units: Size of a token.
        num_output: Dimensions `D` of the embedding.
    """

    def __init__(self, num_units: int, num_output: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(num_units)
        self.project = nn.Linear(num_units, num_output)

    def forward(
        self, tokens: Float[Tensor, "batch windows 1 units"]
    ) -> Float[Tensor, "batch dims windows"]:
        """Returns the embedding of each window, in time order."""
        return self.project(self.norm(tokens.squeeze(2))).transpose(1, 2)

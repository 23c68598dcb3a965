"""Attention over bins or neurons keeps the contract of every encoder, and attends."""

import pytest
import torch

from cebra_ethan.errors import InvalidParameterError
from cebra_ethan.models.attention import AttentionBlock, AttentionOffsetModel
from cebra_ethan.types import Offset

OVER = ("time", "neurons")
CONFIGS = [
    {"over": over, "span": span, "num_layers": num_layers, "causal": causal}
    for over in OVER
    for span, num_layers, causal in [(1, 1, False), (5, 1, True), (10, 2, False), (7, 3, True)]
]


def build(**config):
    torch.manual_seed(0)
    return AttentionOffsetModel(3, 8, 2, **config).double().eval()


@pytest.mark.parametrize("config", CONFIGS)
def test_offset_is_the_receptive_field(config):
    model = build(**config)
    span = config["span"]
    left = span - 1 if config["causal"] else span // 2
    assert model.offset == Offset(left, span - left)
    x = torch.randn(1, 3, 3 * span, dtype=torch.float64, requires_grad=True)
    model(x)[0, 0, span].backward()
    seen = x.grad.abs().sum((0, 1)).nonzero().flatten().tolist()
    assert seen == list(range(span, 2 * span))


@pytest.mark.parametrize("config", CONFIGS)
def test_windows_give_what_the_recording_gives(config):
    model = build(**config)
    recording = torch.randn(2, 3, config["span"] + 12, dtype=torch.float64)
    expected = model(recording)
    assert expected.shape == (2, 2, 13)
    for start in (0, 5, 12):
        window = recording[:, :, start : start + config["span"]]
        torch.testing.assert_close(model(window)[:, :, 0], expected[:, :, start])


@pytest.mark.parametrize("over", OVER)
def test_memory_order_does_not_matter(over):
    model = build(over=over)
    x = torch.randn(4, 3, 10, dtype=torch.float64)
    time_major = x.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    torch.testing.assert_close(model(x), model(time_major))


@pytest.mark.parametrize("over", OVER)
def test_the_order_of_the_bins_matters(over):
    model = build(over=over)
    x = torch.randn(4, 3, 10, dtype=torch.float64)
    assert not torch.allclose(model(x), model(x.flip(2)))


@pytest.mark.parametrize("over", OVER)
def test_which_neuron_is_which_matters(over):
    model = build(over=over)
    x = torch.randn(4, 3, 10, dtype=torch.float64)
    assert not torch.allclose(model(x), model(x.flip(1)))


def test_a_block_is_attention_as_written_by_vaswani():
    """softmax(Q K^T / sqrt(d)) V for each head, in loops (Vaswani et al. 2017, eq. 1)."""
    torch.manual_seed(0)
    block = AttentionBlock(8, num_heads=2).double()
    tokens = torch.randn(1, 1, 5, 8, dtype=torch.float64)
    x = block.norm_tokens(tokens[0, 0])
    query, (key, value) = block.query(x), block.key_value(x).chunk(2, dim=1)
    heads = []
    for head in (slice(0, 4), slice(4, 8)):
        scores = torch.stack([torch.stack([q @ k for k in key[:, head]]) for q in query[:, head]])
        heads.append(torch.softmax(scores / 4**0.5, dim=1) @ value[:, head])
    attended = tokens[0, 0] + block.merge(torch.cat(heads, dim=1))
    expected = attended + block.feed_forward(attended)
    torch.testing.assert_close(block(tokens)[0, 0], expected)


def test_pooling_asks_with_the_mean_token():
    torch.manual_seed(0)
    block = AttentionBlock(8, num_heads=2, pool=True).double()
    same = torch.randn(3, 2, 1, 8, dtype=torch.float64)
    plain = AttentionBlock(8, num_heads=2).double()
    plain.load_state_dict(block.state_dict())
    torch.testing.assert_close(block(same.expand(3, 2, 6, 8)), plain(same))


@pytest.mark.parametrize("over", OVER)
def test_dropout_acts_in_training_only(over):
    torch.manual_seed(0)
    model = AttentionOffsetModel(3, 8, 2, over=over, dropout=0.5)
    x = torch.randn(4, 3, 10)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_dropout_of_equal_seeds_is_equal():
    model = AttentionOffsetModel(3, 8, 2, dropout=0.5)
    x = torch.randn(4, 3, 10)
    draws = []
    for _ in range(2):
        torch.manual_seed(1)
        draws.append(model(x))
    assert torch.equal(*draws)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 3}, r"multiple of num_heads; got 8 units and 3 heads. Use 6 units"),
        ({"num_heads": 16}, r"got 8 units and 16 heads. Use 16 units"),
        ({"num_heads": 0}, "num_heads must be an integer of at least 1"),
        ({"num_layers": 0}, "num_layers must be an integer of at least 1"),
        ({"span": 0}, "span must be an integer of at least 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(InvalidParameterError, match=message):
        AttentionOffsetModel(3, 8, 2, **arguments)


@pytest.mark.parametrize("over", OVER)
def test_attention_learns_a_rotating_phase(over):
    """Twenty neurons tuned to a phase: the embedding must separate opposite phases."""
    torch.manual_seed(0)
    phase = torch.rand(256) * 2 * torch.pi
    preferred = torch.arange(20) * 2 * torch.pi / 20
    x = torch.cos(phase[:, None] - preferred)[:, :, None].expand(256, 20, 3)
    x = x + 0.1 * torch.randn(256, 20, 3)
    target = torch.stack([phase.cos(), phase.sin()], dim=1)
    model = AttentionOffsetModel(20, 16, 2, span=3, over=over)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        error = (model(x).squeeze(2) - target).square().sum(1).mean()
        error.backward()
        optimizer.step()
    assert error < 0.1

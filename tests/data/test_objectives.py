"""Objectives as plain data, and the sampler that draws a positive for each of them."""

import re

import numpy as np
import pytest
import torch

from cebra_ethan.data.dataset import ContrastiveDataset, as_recording
from cebra_ethan.data.loader import ContrastiveLoader, MultiObjectiveLoader
from cebra_ethan.data.multisession import MultiSessionDataset
from cebra_ethan.data.objectives import (
    ObjectiveSpec,
    as_specs,
    make_joint_sampler,
    resolve_dims,
)
from cebra_ethan.data.sampler import Roll, SamplingOptions
from cebra_ethan.data.sampling import make_sampler
from cebra_ethan.errors import DataError, InvalidParameterError
from cebra_ethan.types import Offset, Recording

_draw = np.random.default_rng(0)
TRIAL = np.repeat(np.arange(5), 60)
LABELS = {
    "place": np.cumsum(_draw.normal(size=300)),
    "speed": _draw.normal(size=(300, 2)),
    "side": _draw.integers(0, 3, 300),
}
OFFSET = Offset(2, 3)
SPECS = as_specs(
    {
        "place": {"labels": "place"},
        "noisy speed": {"labels": "speed", "conditional": "delta_normal", "delta": 0.3},
        "side": {"labels": ["side"]},
        "both": {"labels": ["place", "side"], "time_offset": 4},
        "soon": {},
        "late": {"time_offset": 20},
    }
)


def _recording(num_neurons=4, part=slice(None)):
    neural, labels = np.ones((300, num_neurons))[part], {k: v[part] for k, v in LABELS.items()}
    return as_recording(neural, labels=labels, trial=TRIAL[part])


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


SESSIONS = {"one session": (_recording(),), "two": (_recording(), _recording(7, slice(0, 240)))}


@pytest.fixture(params=SESSIONS)
def recordings(request):
    return SESSIONS[request.param]


def _joint(recordings, specs=SPECS, **options):
    return make_joint_sampler(recordings, OFFSET, SamplingOptions(**options), specs)


def _alone(recordings, spec, options):
    own = [Recording(one.neural, {k: one.labels[k] for k in spec.labels}, one.trial)
           for one in recordings]  # fmt: skip
    return make_sampler(own, OFFSET, spec.options(options))


def test_each_positive_is_that_of_the_objectives_own_sampler(recordings):
    sampler = _joint(recordings, time_offset=2)
    roll = sampler.roll(200, _generator())
    found = sampler.resolve(roll).positive
    first = 0
    for spec, rows in zip(SPECS, found, strict=True):
        alone = _alone(recordings, spec, SamplingOptions(time_offset=2))
        own = roll._replace(chance=roll.chance[:, first : first + alone.num_numbers])
        first += alone.num_numbers
        assert torch.equal(rows, alone.resolve(own).positive[0])
    assert first == roll.chance.shape[1] > 0


def test_positives_share_what_their_objective_says(recordings):
    sampler = _joint(recordings, time_offset=2)
    indices = sampler.draw(400, _generator())
    side = np.concatenate([LABELS["side"][: len(one)] for one in recordings])
    trial = np.concatenate([one.trial.numpy() + 10 * k for k, one in enumerate(recordings)])
    reference = indices.reference
    by = {spec.name: rows for spec, rows in zip(SPECS, indices.positive, strict=True)}
    assert (side[by["side"]] == side[reference]).all()
    assert (side[by["both"]] == side[reference]).all()
    for name, lag in (("soon", 2), ("late", 20)):
        assert torch.equal(by[name], reference + lag)
        assert (trial[by[name]] == trial[reference]).all()


def test_references_and_negatives_are_drawn_once_and_by_all_rules(recordings):
    sampler = _joint(recordings)
    indices = sampler.draw(3000, _generator())
    later = Offset(OFFSET.left, OFFSET.right + 20)
    inside = np.concatenate(
        [np.arange(60 * k + later.left, 60 * (k + 1) - later.right + 1) for k in range(5)]
    )
    allowed, first = set(), 0
    for one in recordings:
        allowed |= {first + row for row in inside if row < len(one)}
        first += len(one)
    assert set(indices.reference.tolist()) == allowed  # all of them, and no other
    assert set(indices.negative.tolist()) > allowed  # negatives need no later bin


def test_draws_do_not_depend_on_how_many_steps_are_resolved(recordings):
    sampler = _joint(recordings)
    rolls = [sampler.roll(20, _generator(step)) for step in range(3)]
    together = sampler.resolve(Roll(*map(torch.cat, zip(*rolls, strict=True))))
    for step, part in enumerate(together.split(len(rolls[0].reference))):
        alone = sampler.draw(20, _generator(step))
        assert all(torch.equal(a, b) for a, b in zip(part.positive, alone.positive, strict=True))


@pytest.mark.parametrize("specs", [SPECS, SPECS[4:]], ids=["behaviour", "time alone"])
def test_time_alone_compares_inside_a_session(recordings, specs):
    dataset = MultiSessionDataset(recordings)
    loader = MultiObjectiveLoader(dataset, 16, objectives=specs).bind(OFFSET)
    apart = len(recordings) > 1 and not any(spec.labels for spec in specs)
    assert loader.batch(0).group_sizes == ([16, 16] if apart else None)
    assert loader.num_negatives == (16 if apart else 16 * len(recordings))


@pytest.mark.parametrize("batch_size", [16, None])
@pytest.mark.parametrize("options", [{}, {"conditional": "delta_normal", "delta": 0.2}])
@pytest.mark.parametrize("num_negatives", [None, 3])
def test_behaviour_and_time_is_what_hybrid_draws(batch_size, options, num_negatives):
    labels = {"place": LABELS["place"]}
    own = {"labels": labels, "trial": TRIAL, "num_negatives": num_negatives, **options}
    neural, drawn = np.ones((300, 2)), []
    for loader in (
        ContrastiveLoader(
            ContrastiveDataset(neural, hybrid=True, **own), batch_size, random_state=3
        ),
        MultiObjectiveLoader(ContrastiveDataset(neural, **own), batch_size, random_state=3),
    ):
        indices = loader.bind(OFFSET).batch(7).indices
        drawn.append([indices.reference, *indices.positive, indices.negative])
    assert [spec.name for spec in loader.objectives] == ["behavior", "time"]
    assert all(torch.equal(*pair) for pair in zip(*drawn, strict=True))


def test_a_loader_without_labels_has_no_behaviour_to_learn():
    with pytest.raises(DataError, match="time and behaviour together need a label; got none"):
        MultiObjectiveLoader(ContrastiveDataset(np.ones((50, 2))))


def test_a_missing_label_and_a_prior_are_refused():
    with pytest.raises(DataError, match=r"labels of objective 'goal'.* 'place'.*, not 'reward'"):
        _joint((_recording(),), as_specs({"goal": {"labels": ["side", "reward"]}}))
    with pytest.raises(InvalidParameterError, match=r"prior='uniform'.*shared by 6"):
        _joint((_recording(),), prior="uniform")


def test_the_recording_is_left_alone():
    recording = _recording()
    _joint((recording,))
    assert list(recording.labels) == list(LABELS)


# ------------------------------------------------------------------------------------ description

EQUAL = [
    {"place": {"labels": "x", "dims": slice(0, 3)}, "time": {"dims": [3, 5]}},
    [{"name": "place", "labels": ("x",), "dims": (0, 3)}, {"name": "time", "dims": (3, 5)}],
    [ObjectiveSpec(name="place", labels=["x"], dims=(0, 3)), {"name": "time", "dims": (3, 5)}],
    [ObjectiveSpec(name="place", labels="x", dims=slice(3)), {"name": "time", "dims": (3, 5)}],
]


@pytest.mark.parametrize("given", EQUAL)
def test_one_description_in_many_forms(given):
    assert as_specs(given) == as_specs(EQUAL[0])
    assert as_specs(as_specs(given)) == as_specs(EQUAL[0])


BAD_SPECS = {
    "must be a mapping of names to mappings.*got 3": 3,
    r"got \{\}": {},
    r"got \[\]": [],
    "got 'time'": "time",
    "may have labels.*got name, colour. Leave out colour": [{"name": "a", "colour": 1}],
    "must have a name and may have": [{"labels": "x"}],
    "a name of its own; got a twice": [{"name": "a"}, {"name": "a"}],
    "word without '/'.*got 'a/b'": {"a/b": {}},
    "word without '/'.*got ''": [{"name": ""}],
    r"dims of objective 'a'.*got \(3, 3\)": {"a": {"dims": (3, 3)}},
    r"dims of objective 'a'.*got \(-1, 3\)": {"a": {"dims": (-1, 3)}},
    r"dims of objective 'a'.*got \(True, 3\)": {"a": {"dims": (True, 3)}},
    r"dims of objective 'a'.*got \(1.0, 3\)": {"a": {"dims": (1.0, 3)}},
    r"dims of objective 'a'.*got \(0, None\)": {"a": {"dims": slice(None)}},
    r"dims of objective 'a'.*got slice\(0, 4, 2\)": {"a": {"dims": slice(0, 4, 2)}},
    "dims of objective 'a'.*got 3": {"a": {"dims": 3}},
    "conditional='time_delta' looks up labels; objective 'a' names none": {
        "a": {"conditional": "time_delta"}
    },
    "conditional must be one of": {"a": {"labels": "x", "conditional": "nonsense"}},
    "delta, the standard deviation": {"a": {"labels": "x", "delta": 0.1}},
    "time_offset must be a positive integer; got 0": {"a": {"time_offset": 0}},
    "criterion of objective 'a' must be a mapping": {"a": {"criterion": "focal"}},
}


@pytest.mark.usefixtures("without_type_checks")
@pytest.mark.parametrize("message", BAD_SPECS)
def test_descriptions_that_are_refused(message):
    with pytest.raises(InvalidParameterError, match=message):
        as_specs(BAD_SPECS[message])


SHARES = {
    (2, 6): [(0, 3), (3, 6)],
    (2, 5): [(0, 3), (3, 5)],
    (3, 7): [(0, 3), (3, 5), (5, 7)],
    (1, 4): [(0, 4)],
    (3, 3): [(0, 1), (1, 2), (2, 3)],
}


@pytest.mark.parametrize("count", SHARES)
def test_equal_shares(count):
    num, dims = count
    specs = as_specs([{"name": f"{k}"} for k in range(num)])
    assert resolve_dims(specs, dims) == [slice(*pair) for pair in SHARES[count]]


BAD_DIMS = {
    "a and b both have dimension 2. Move one, or give it overlap=True": ((0, 3), (2, 4)),
    "dimensions needs an objective that trains it; 2 has none": ((0, 2), (3, 4)),
    "needs an objective that trains it; 0, 3 has none": ((1, 2), (2, 3)),
    re.escape("lie inside the embedding, 0 to 4; b has (2, 5)"): ((0, 2), (2, 5)),
    "for all objectives or for none; b has none": ((0, 2), None),
}


@pytest.mark.parametrize("message", BAD_DIMS)
def test_dims_that_are_refused(message):
    specs = [ObjectiveSpec(name=n, dims=d) for n, d in zip("ab", BAD_DIMS[message], strict=True)]
    with pytest.raises(InvalidParameterError, match=message):
        resolve_dims(specs, 4)


def test_more_objectives_than_dimensions_are_refused():
    with pytest.raises(InvalidParameterError, match=r"2 objectives need at least.* got 1"):
        resolve_dims(as_specs({"a": {}, "b": {}}), 1)


@pytest.mark.parametrize("asked", ["a", "b"])
def test_overlap_is_allowed_when_one_of_both_asks(asked):
    pairs = {"a": (0, 3), "b": (0, 4)}
    specs = [ObjectiveSpec(name=n, dims=d, overlap=n == asked) for n, d in pairs.items()]
    assert resolve_dims(specs, 4) == [slice(0, 3), slice(0, 4)]

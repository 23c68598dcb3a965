"""Two objectives in slices of one embedding, with a penalty, and what each neuron encodes."""

import json

import cebra
import cebra.attribution
import cebra.models
import cebra.solver
import numpy as np
import torch
from cebra.data import ContrastiveMultiObjectiveLoader, DatasetxCEBRA
from cebra.solver import MultiObjectiveConfig
from cebra.solver.schedulers import LinearRampUp

rng = np.random.default_rng(0)
# Two walks in the plane; neurons 0 to 9 follow the first, 10 to 19 the second.
walk = np.cumsum(rng.normal(size=(1500, 4)), axis=0) / 8
z1, z2 = (torch.from_numpy(np.sin(one)).float() for one in (walk[:, :2], walk[:, 2:]))
truth = np.kron(np.eye(2), np.ones((3, 10))).astype(bool)
noise = torch.from_numpy(rng.normal(size=(1500, 20)) / 10).float()
mixing = [torch.from_numpy(rng.normal(size=(2, 10))).float() for _ in range(2)]
neurons = torch.tanh(torch.cat([z1 @ mixing[0], z2 @ mixing[1]], dim=1)) + noise

data = DatasetxCEBRA(neurons, Z1=z1, Z2=z2)
loader = ContrastiveMultiObjectiveLoader(dataset=data, num_steps=400, batch_size=256).to("cpu")
config = MultiObjectiveConfig(loader)
for edges, name in (((0, 3), "Z1"), ((3, 6), "Z2")):
    config.set_slice(*edges)
    config.set_loss("FixedEuclideanInfoNCE", temperature=1.0)
    config.set_distribution("time_delta", time_delta=1, label_name=name)
    config.push()
config.finalize()
model = cebra.models.init(
    name="offset1-model-mse-clip-5-5", num_neurons=20, num_units=64, num_output=6
).to("cpu")
data.configure_for(model)
solver = cebra.solver.init(
    name="multiobjective-solver",
    model=model,
    feature_ranges=config.feature_ranges,
    regularizer=cebra.models.jacobian_regularizer.JacobianReg(),
    renormalize=False,
    use_sam=False,
    criterion=config.criterion,
    optimizer=torch.optim.Adam([*model.parameters(), *config.criterion.parameters()], lr=1e-3),
    tqdm_on=False,
).to("cpu")
ramp = LinearRampUp(2, 100, 300, start_weight=0.0, end_weight=0.01)
solver.fit(loader=loader, scheduler_regularizer=ramp, scheduler_loss=None, log_frequency=None)
losses = [solver.log["loss_train", k][-1] for k in range(2)]

first, second = (part.detach().numpy() for part in solver.model(data.neural))
r2 = [cebra.KNNDecoder(9).fit(p, z).score(p, z) for p, z in ((first, z1), (second, z2))]
solver.model.split_outputs = False
embedding = solver.model(data.neural).detach().numpy()
difference = float(np.abs(embedding - solver.transform(data.neural).numpy()).max())
data.neural.requires_grad_(True)
method = cebra.attribution.init(
    name="jacobian-based", model=solver.model, input_data=data.neural, output_dimension=6
)
maps = np.abs(method.compute_attribution_map()["jf"]).mean(0)
auc = float(method.compute_attribution_score(maps, truth))
print(json.dumps({"losses": losses, "r2": r2, "difference": difference, "auc": auc}))

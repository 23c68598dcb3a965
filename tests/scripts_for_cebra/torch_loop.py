"""A training loop of one's own, two sessions by a solver, and a Jacobian attribution map."""

import json

import cebra
import cebra.attribution
import numpy as np
import torch

rng = np.random.default_rng(0)
torch.manual_seed(0)
angle = np.cumsum(rng.normal(0.05, 0.1, size=1500))
place = torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)], 1)).float()
mixing = torch.from_numpy(rng.normal(size=(2, 24))).float()
neural = torch.tanh(place @ mixing) + torch.from_numpy(rng.normal(size=(1500, 24)) / 10).float()
neural[:, 12:] = torch.from_numpy(rng.normal(size=(1500, 12))).float() / 10  # say nothing

model = cebra.models.init("offset1-model-mse", 24, 32, 3)
data = cebra.data.TensorDataset(neural, continuous=place)
data.configure_for(model)
loader = cebra.data.ContinuousDataLoader(data, num_steps=200, batch_size=256, time_offset=1)
criterion = cebra.models.FixedEuclideanInfoNCE(temperature=1.0)
optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-3), []
for batch in loader:
    optimizer.zero_grad()
    parts = [model(w).reshape(256, 3) for w in (batch.reference, batch.positive, batch.negative)]
    loss, _, _ = criterion(*parts)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
index = loader.get_indices(8)
windows = data.load_batch(index)

jacobian, inverse = cebra.attribution.jacobian_attribution.get_attribution_map(model, neural)
strength = np.abs(jacobian).mean(0).max(0)
auc = float(np.mean(strength[:12, None] > strength[None, 12:]))

halves = cebra.data.DatasetCollection(
    cebra.data.TensorDataset(neural[:, :8], continuous=place),
    cebra.data.TensorDataset(neural[:, 4:12], continuous=place),
)
models = torch.nn.ModuleList([cebra.models.init("offset1-model", 8, 32, 3) for _ in range(2)])
halves.configure_for(models)
solver = cebra.solver.init(
    "multi-session",
    model=models,
    criterion=cebra.models.InfoNCE(),
    optimizer=torch.optim.Adam(models.parameters(), lr=1e-3),
    tqdm_on=False,
)
pairs = cebra.data.ContinuousMultiSessionDataLoader(halves, num_steps=200, batch_size=256)
solver.fit(pairs)
points = solver.transform(neural[:, 4:12], session_id=1)
r2 = cebra.KNNDecoder(9).fit(points[:1200], place[:1200]).score(points[1200:], place[1200:])
shapes = [list(windows.reference.shape), list(jacobian.shape), list(inverse.shape)]
numbers = {"loss": float(np.mean(losses[-20:])), "auc": auc, "r2": r2, "shapes": shapes}
print(json.dumps({**numbers, "steps": len(solver.log["total"])}))

# ruff: noqa: I001 - the order of the imports is that of the README
"""Quick start: train on an array with early stopping, leave checkpoints, embed every time bin."""

import numpy as np
import torch
from cebra_ethan.data.dataset import ContrastiveDataset
from cebra_ethan.data.loader import AugmentedContrastiveLoader
from cebra_ethan.models.model import AttentionOffsetModel
from cebra_ethan.models.criterions import LearnableCosineInfoNCE
from cebra_ethan.solver.base import EarlyStoppingSolver

neural_data = np.random.randn(1000, 50)
dataset = ContrastiveDataset(neural_data, time_offset=1, num_negatives=10)
loader = AugmentedContrastiveLoader(dataset, batch_size=32, noise_level=0.05)
model = AttentionOffsetModel(num_neurons=50, num_units=128, num_output=3)
criterion = LearnableCosineInfoNCE(temperature=1.0)
optimizer = torch.optim.Adam(list(model.parameters()) + list(criterion.parameters()), lr=1e-3)
solver = EarlyStoppingSolver(model, criterion, optimizer, patience=5)
solver.fit(loader, save_frequency=10, logdir="./checkpoints")
embeddings = solver.transform(torch.tensor(neural_data, dtype=torch.float32))

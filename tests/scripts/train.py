"""Train a small classifier in float64, written for PyTorch; prints the mean loss of each epoch and the accuracy."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(0)
centres = rng.normal(size=(5, 20))
labels = rng.integers(0, 5, 200)
X = torch.from_numpy(centres[labels] + rng.normal(size=(200, 20)))
y = torch.from_numpy(labels)


class Net(nn.Module):
    def __init__(self, inputs, hidden, classes):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.body = nn.Sequential(nn.Linear(hidden, hidden), nn.Tanh())
        self.last = nn.Linear(hidden, classes, bias=False)
        self.scale = nn.Parameter(torch.ones(classes))

    def forward(self, x):
        x = F.relu(self.first(x))
        x = x + self.body(x)
        return self.last(x) * self.scale


net = Net(20, 32, 5)
with torch.no_grad():
    for parameter in net.parameters():
        parameter.copy_(torch.from_numpy(rng.normal(size=tuple(parameter.shape)) / 4))

loader = DataLoader(TensorDataset(X, y), batch_size=32)
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)

for _ in range(8):
    net.train()
    total = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"{total / len(loader):.10f}")

net.eval()
with torch.no_grad():
    print(f"{(net(X).argmax(dim=1) == y).float().mean().item():.6f}")

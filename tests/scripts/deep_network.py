"""Train a deep residual classifier in float64, written for PyTorch; prints losses, norms, rates and the accuracy.

Batch normalisation in front, blocks of layer normalisation, GELU and dropout, label smoothing, AdamW with and without
decay, a cosine schedule step by step, clipping, the best epoch kept, and a checkpoint in the middle. The weights are
drawn with NumPy. Dropout draws from the library's own stream, which is why the losses of two libraries can only be
compared where they are given the same masks.
"""

import io

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, TensorDataset

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
rng = np.random.default_rng(0)
centres = rng.normal(size=(4, 16))
labels = rng.integers(0, 4, 192)
X = torch.from_numpy(centres[labels] + 1.2 * rng.normal(size=(192, 16)))
y = torch.from_numpy(labels)
EPOCHS = 8


class Block(nn.Module):
    def __init__(self, width, p):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.body = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(p), nn.Linear(2 * width, width))
        self.p = p

    def forward(self, x):
        return x + F.dropout(self.body(self.norm(x)), p=self.p, training=self.training)


class Net(nn.Module):
    def __init__(self, inputs, width, depth, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        self.blocks = nn.ModuleList([Block(width, 0.1) for _ in range(depth)])
        self.head = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, classes))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def initialise(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


net = Net(16, 24, 6, 4)
net.apply(initialise)
drawn = {
    name: torch.from_numpy(rng.normal(0, p.shape[1] ** -0.5, tuple(p.shape)))
    for name, p in net.named_parameters()
    if p.ndim == 2
}
net.load_state_dict({**net.state_dict(), **drawn})

loader = DataLoader(TensorDataset(X[:128], y[:128]), batch_size=32)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
groups = [
    {"params": [p for p in net.parameters() if p.ndim == 2]},
    {"params": [p for p in net.parameters() if p.ndim < 2], "weight_decay": 0.0},
]
optimizer = AdamW(groups, lr=3e-3, weight_decay=0.05)
scheduler = CosineAnnealingLR(optimizer, T_max=EPOCHS * len(loader), eta_min=1e-5)

best, kept, checkpoint = float("inf"), None, io.BytesIO()
for epoch in range(EPOCHS):
    net.train()
    total = norm = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        norm += clip_grad_norm_(net.parameters(), max_norm=1.0).item()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    net.eval()
    with torch.no_grad():
        validation = F.cross_entropy(net(X[128:]), y[128:]).item()
    if validation < best:
        best, kept = validation, {name: value.clone() for name, value in net.state_dict().items()}
    print(f"{total / len(loader):.10f} {validation:.10f} {norm:.8f} {scheduler.get_last_lr()[0]:.10f}")
    if epoch == EPOCHS // 2:  # as if the run had been interrupted here
        torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)
        checkpoint.seek(0)
        saved = torch.load(checkpoint)
        nn.init.zeros_(net.blocks[0].body[0].weight)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])

net.load_state_dict(kept)
net.eval()
with torch.no_grad():
    print(f"{(net(X[128:]).argmax(dim=1) == y[128:]).double().mean().item():.6f}")

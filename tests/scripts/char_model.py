"""Train a character model in float64, written for PyTorch; prints bits per character and gradient norms, then a text.

An embedding, two layers of LSTM and a GRU read a text in chunks: the state is carried over and detached, gradients are
clipped, Adam moves. The text is made here, of sentences drawn with NumPy, and so are the weights. What the model writes
in the end is printed as codes.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(0)
words = [["the", "a"], ["cat", "dog", "bird"], ["sees", "likes", "hears"], ["the", "a"], ["tree", "moon", "sea"]]
text = "".join(" ".join(rng.choice(choices) for choices in words) + ". " for _ in range(120))
alphabet = sorted(set(text))
codes = torch.tensor([alphabet.index(character) for character in text])
BATCH, CHUNK = 8, 20


class CharModel(nn.Module):
    def __init__(self, size, embedding_dim, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_size, num_layers=2, batch_first=True)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, size)

    def forward(self, x, state=None):
        lstm_state, gru_state = (None, None) if state is None else state
        x, lstm_state = self.lstm(self.embedding(x), lstm_state)
        x, gru_state = self.gru(x, gru_state)
        return self.out(x), (lstm_state, gru_state)


def detached(state):
    (h, c), g = state
    return (h.detach(), c.detach()), g.detach()


model = CharModel(len(alphabet), 12, 24)
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.from_numpy(rng.normal(size=tuple(parameter.shape)) / 5))
optimizer = optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99))

length = (len(codes) - 1) // (BATCH * CHUNK) * CHUNK
inputs = codes[: BATCH * length].reshape(BATCH, length)
targets = codes[1 : BATCH * length + 1].reshape(BATCH, length)
model.train()
for _ in range(6):
    state, total, norm = None, 0.0, 0.0
    for start in range(0, length, CHUNK):
        logits, state = model(inputs[:, start : start + CHUNK], state)
        state = detached(state)
        loss = F.cross_entropy(logits.transpose(1, 2), targets[:, start : start + CHUNK])
        optimizer.zero_grad()
        loss.backward()
        norm += nn.utils.clip_grad_norm_(model.parameters(), 0.25).item()
        optimizer.step()
        total += loss.item() * CHUNK
    print(f"{total / length / math.log(2):.10f} {norm * CHUNK / length:.10f}")

model.eval()
written, state = [alphabet.index("t")], None
with torch.no_grad():
    for _ in range(40):
        logits, state = model(torch.tensor([[written[-1]]]), state)
        written.append(logits[0, -1].argmax().item())
print(*written)

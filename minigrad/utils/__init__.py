"""Data sets and batches, under PyTorch's names.

Made from chapter 4, Train a multilayer perceptron.
"""

from __future__ import annotations

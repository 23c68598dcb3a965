"""The nouns of the package: recordings, labels, receptive fields, drawn rows, batches, objectives.

Shapes: `T` time bins, `N` neurons, `B` batch rows, `K` negatives of one reference, `L` bins of a
window, `D` dimensions of the embedding, `S` sessions.
"""

from .batch import Augmentation, Batch, Indices, Objective
from .label import Kind, Label
from .recording import Offset, Recording

__all__ = ["Augmentation", "Batch", "Indices", "Kind", "Label", "Objective", "Offset", "Recording"]

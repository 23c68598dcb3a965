"""CEBRA-Ethan: consistent embeddings of neural recordings by contrastive learning.

>>> from cebra_ethan import CEBRA
>>> CEBRA(output_dimension=3, random_state=0)
CEBRA(output_dimension=3, random_state=0)
"""

from .estimator import CEBRA
from .types import Label, Offset, Recording

__all__ = ["CEBRA", "Label", "Offset", "Recording", "__version__"]

__version__ = "0.1.0"

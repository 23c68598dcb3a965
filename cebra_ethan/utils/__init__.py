"""Small tools without knowledge of models or training."""

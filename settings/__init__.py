"""The settings of the experiments, one file each; `config` gathers them."""

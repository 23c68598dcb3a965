"""Where `cebra` spells something differently: its arguments in, ours called, nothing computed."""

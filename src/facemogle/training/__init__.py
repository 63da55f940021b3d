"""How the networks learn: objective, loop, checkpoints of a run, cache of latents."""

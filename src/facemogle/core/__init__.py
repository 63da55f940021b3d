"""Label maps, latents, flow and configuration: torch, numpy and Pillow only."""

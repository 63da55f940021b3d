"""`facemogle ablate`: variants of one recipe, trained and measured alike."""

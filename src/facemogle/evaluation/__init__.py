"""Measures of generated faces: distances of feature sets, intervals, and the networks that give features."""

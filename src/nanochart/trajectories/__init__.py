"""Trajectories of any length, read block by block in flat memory, and on from any frame."""

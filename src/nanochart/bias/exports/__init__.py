"""The chart as a function of positions, handed to other programs in files of their own kind."""

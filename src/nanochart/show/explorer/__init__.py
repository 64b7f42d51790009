"""The explorer: a page on which every point of a chart is a structure to turn in the hand."""

"""Biased MD, and the chart handed to other programs."""

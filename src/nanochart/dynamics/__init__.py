"""How clusters move: unbiased runs."""

"""What the network sees: the radial distribution function of a cluster, scaled bin by bin."""

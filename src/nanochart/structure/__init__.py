"""What a structure is: the surroundings of its atoms, its class, and whether it is new."""

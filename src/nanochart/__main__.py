"""``python -m nanochart``: how torchrun starts the command line."""

from nanochart.cli import main

if __name__ == "__main__":
    main()

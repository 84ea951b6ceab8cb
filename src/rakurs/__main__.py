"""`python -m rakurs`, which is also how `torchrun -m rakurs` starts every process of a training."""

from rakurs.cli import main

if __name__ == "__main__":
    main()

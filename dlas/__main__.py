"""`python -m dlas` is `dlas`."""

from dlas.cli.app import main

if __name__ == "__main__":
    main()

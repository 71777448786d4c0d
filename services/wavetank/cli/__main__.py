"""`python -m wavetank.cli` is the `wavetank` command; `up --detach` starts itself this way."""

from wavetank.cli.app import main

if __name__ == "__main__":
    main()

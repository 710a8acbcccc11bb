"""`python -m glyphd`."""

from glyphd.cli import main

if __name__ == "__main__":
    main()

"""The `spaaza` command as `python -m spaaza_source.cli`."""

from spaaza_source.cli.app import main

if __name__ == "__main__":
    main()

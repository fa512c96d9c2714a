"""``python -m interplay`` is the ``interplay`` command."""

from interplay.cli import main

if __name__ == "__main__":
    main()

"""The command line: one thin module per command, the same words as the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError
from rich.console import Console

from interplay.cli.demo import demo
from interplay.cli.explain import explain
from interplay.cli.fit import fit
from interplay.cli.report import report
from interplay.errors import BadInput, InterplayError
from interplay.version import __version__

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

app = App(
    name="interplay",
    help="Find the combinations of words that drive a model's behaviour, by ablation.",
    version=__version__,
    help_format="plaintext",
)
for command in (demo, explain, fit, report):
    app.command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    0: done. 1: it failed on the way (model, store, budget). 2: what was given cannot be used (an
    unknown flag, a file that is missing or damaged, an empty text). 130: interrupted by Ctrl-C.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        app(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        errors.print(f"error: {error}", markup=False)
        return USAGE
    except InterplayError as error:
        if os.environ.get("INTERPLAY_DEBUG") == "1":
            raise
        errors.print(f"error: {error}", markup=False)
        for note in getattr(error, "__notes__", ()):
            errors.print(note, markup=False)
        return USAGE if isinstance(error, BadInput) else FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; what was evaluated is in the store, running again goes on there")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return OK


def main() -> None:
    """Entry point of the ``interplay`` command."""
    sys.exit(run(sys.argv[1:]))

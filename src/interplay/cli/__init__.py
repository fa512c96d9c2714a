"""The command line: one thin module per command, the same words as the library."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from interplay.cli.compare import compare
from interplay.cli.components import components
from interplay.cli.demo import demo
from interplay.cli.explain import explain
from interplay.cli.fit import fit
from interplay.cli.flip import flip
from interplay.cli.flowing import Flowing
from interplay.cli.prune import prune
from interplay.cli.replay import replay
from interplay.cli.report import report
from interplay.cli.runs import runs
from interplay.cli.select import select
from interplay.cli.training_data import training_data
from interplay.cli.view import view
from interplay.errors import BadInput, InterplayError
from interplay.version import __version__

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

app = App(
    name="interplay",
    help="Find the combinations of features that drive a model's behaviour, by ablation: of words, "
    "image patches, columns, heads of a network, training examples.",
    version=__version__,
    help_format="plaintext",
    help_formatter=Flowing(),
    suppress_keyboard_interrupt=False,
)
for command in (
    *(compare, components, demo, explain, fit, flip, prune, report, replay, runs, select),
    *(training_data, view),
):
    app.command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    0: done. 1: it failed on the way (model, store, budget), a replay differs, or no flip was
    found. 2: what was given cannot be used (an unknown flag, a file that is missing or damaged, an
    empty text). 130, 143: interrupted by Ctrl-C or SIGTERM, with an explanation of what there was,
    if that was enough.
    With ``INTERPLAY_DEBUG=1`` in the environment an error shows its traceback.
    """
    debug = os.environ.get("INTERPLAY_DEBUG") == "1"
    try:
        code = app(
            list(arguments), exit_on_error=False, print_error=False, result_action="return_value"
        )
        sys.stdout.flush()
    except CycloptsError as error:
        known = arguments[:1] if arguments and arguments[0] in app else []
        return _stop(USAGE, f"error: {error} See: {' '.join(['interplay', *known, '--help'])}")
    except KeyboardInterrupt as stop:
        return _stop(INTERRUPTED, ": ".join(["interrupted", *getattr(stop, "__notes__", ())]))
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except InterplayError as error:
        if debug:
            raise
        notes = getattr(error, "__notes__", ())
        code = USAGE if isinstance(error, BadInput) else FAILED
        return _stop(code, " ".join([f"error: {error}", *notes]))
    except Exception as error:
        if debug:
            raise
        return _stop(
            FAILED,
            f"error: unexpected {type(error).__name__}: {error} (what was evaluated is stored; "
            "INTERPLAY_DEBUG=1 shows where this happened)",
        )
    return code if isinstance(code, int) else OK


def _stop(code: int, message: str) -> int:
    print(message, file=sys.stderr)
    return code


def main() -> None:
    """Entry point of the ``interplay`` command."""
    sys.exit(run(sys.argv[1:]))

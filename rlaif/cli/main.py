"""Where the `rlaif` command begins, and the one place where errors become messages and exit codes.

It loads nothing by itself: an interruption of the first second, in which everything else is loaded, is met too.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in typing, which takes its time
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Without `argv` the whole process is ours."""
    from rlaif.cli.interrupts import INTERRUPTED, SAID, Interruption, done, leave

    with Interruption(process=argv is None) as interruption:
        try:
            code = _process() if argv is None else _inside(argv)
        except KeyboardInterrupt:
            code = INTERRUPTED
        except Exception:
            # a library may have made an error of its own out of it
            if not interruption.come:
                raise
            code = INTERRUPTED
        if code == INTERRUPTED:
            sys.stderr.write(f"{SAID}\n")
        if argv is None:
            if code == INTERRUPTED:
                leave()
            done(code)
        return code


def __getattr__(name: str) -> Any:
    """`cli`, the group of all commands, which is loaded when it is asked for."""
    if name != "cli":
        raise AttributeError(name)
    from rlaif.cli.commands import cli

    return cli


def _process() -> int:
    """The command line of this process, whose streams, variables and hooks are ours."""
    from rlaif.terminal import first_word, forget_first_word, open_streams, put_screens

    open_streams()
    first_word()
    from rlaif.cli.output import escape_strange_letters, heard
    from rlaif.libraries.quiet import quiet, settle_environment
    from rlaif.secrets import hide_environment, hide_in_tracebacks

    hide_environment()
    settle_environment()
    hide_in_tracebacks()
    _spare_threads()
    escape_strange_letters()
    put_screens()
    try:
        with quiet(), heard():
            return _run(None)
    finally:
        forget_first_word()


def _inside(argv: Sequence[str]) -> int:
    """A command line inside somebody's program."""
    from rlaif.cli.output import heard
    from rlaif.libraries.quiet import quiet
    from rlaif.secrets import hide_environment
    from rlaif.terminal import screened

    hide_environment()
    with quiet(), screened(), heard():
        return _run(list(argv))


def _run(argv: list[str] | None) -> int:
    import io

    import click

    from rlaif.cli.commands import cli
    from rlaif.cli.interrupts import INTERRUPTED
    from rlaif.cli.output import say
    from rlaif.errors import RlaifError
    from rlaif.secrets import cleaned

    try:
        outcome = cli.main(args=argv, prog_name="rlaif", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        say(cleaned(said.getvalue()).rstrip("\n"))  # it repeats what was typed
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except RlaifError as error:
        say(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        return 0
    except Exception as error:
        told = _of_the_system(error) or _of_a_name(error, sys.argv[1:] if argv is None else argv)
        if told is None:
            raise
        sentence, code = told
        say(f"error: {cleaned(sentence)}")
        return code
    return outcome if isinstance(outcome, int) else 0


def _of_the_system(error: Exception) -> tuple[str, int] | None:
    """What the operating system refused, in a sentence, and the exit code; None where it is a bug of ours."""
    import errno
    import os

    from rlaif.boundary import disk_failure, disk_is_full
    from rlaif.errors import DiskError, InputError, RlaifError

    users_own = {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
        *(errno.ELOOP, errno.ENAMETOOLONG),
    }
    name = getattr(error, "filename", None)
    where = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    if disk_is_full(error):
        return str(DiskError(where or "a file", disk_failure(error) or "")), DiskError.exit_code
    if not isinstance(error, OSError):
        return None
    reason = error.strerror or str(error) or type(error).__name__
    if not where and error.errno == errno.ENOENT and not _stands_somewhere():
        return "the working directory was deleted; change to one that is there", InputError.exit_code
    code = InputError.exit_code if error.errno in users_own else RlaifError.exit_code
    remedy = (
        "name another place" if code == InputError.exit_code else "see to it, and the same command goes on"
    )
    if "temporary directory" in reason:
        remedy = "set TMPDIR to a directory that can be written and has room"
    return f"{where + ': ' if where else ''}{reason}; {remedy}", code


def _of_a_name(error: Exception, argv: list[str]) -> tuple[str, int] | None:
    """That a name on the command line is not UTF-8, where a library takes none; None of all other faults."""
    from rlaif.errors import InputError

    odd = next((each for each in argv if any("\ud800" <= letter <= "\udfff" for letter in each)), None)
    if odd is None or not isinstance(error, UnicodeEncodeError):
        return None
    return (
        f"{odd}: this name is not UTF-8, and a library here takes no other; rename it",
        InputError.exit_code,
    )


def _stands_somewhere() -> bool:
    import os

    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _spare_threads() -> None:
    """A thread of a library that meets a full disk dies quietly: whoever waits for it is told."""
    import threading

    from rlaif.boundary import disk_is_full

    before = threading.excepthook

    def show(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is None or not disk_is_full(told.exc_value):
            before(told)

    threading.excepthook = show

"""The command line: the only place that prints errors and picks exit codes."""

from __future__ import annotations

import io
import pkgutil
import signal
import sys
from importlib import import_module

import typer

from sdkgen import __version__, commands, console
from sdkgen.errors import SdkgenError

app = typer.Typer(
    name="sdkgen",
    help="Build app SDKs around BlazeFace for iOS and Android, and measure how fast they are on your phones.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.out.print(f"sdkgen {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    """Build app SDKs around BlazeFace for iOS and Android, and measure how fast they are on your phones."""


def _register() -> None:
    """Add the module in commands/ that the command line names, or all of them where it names none.

    They import nothing heavy at the top, so that --help stays quick.
    """
    names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    for name in [name for name in names if name in sys.argv[1:2]] or names:
        import_module(f"{commands.__name__}.{name}").register(app)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # A request to end is raised like any other exit, so that half-made outputs are cleaned up on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A name that the terminal's encoding lacks is printed as escapes.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _register()
    try:
        try:
            app()
        finally:
            with console.writing_out():
                sys.stdout.flush()
    except SdkgenError as error:
        console.print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        console.err.print("interrupted")
        sys.exit(130)

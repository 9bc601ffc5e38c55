"""Runs the command line as ``python -m sdkgen``."""

from sdkgen.cli import main

main()

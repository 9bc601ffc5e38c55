"""Tests against Android's own adbd in emulated devices; ``nox -s devices`` runs them."""

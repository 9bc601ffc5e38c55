"""Tests of the bench: units here, whole devices in devices/."""

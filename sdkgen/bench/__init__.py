"""Measures how fast the models are on phones, on emulated devices, and on this machine."""

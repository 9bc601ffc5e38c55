"""Side-by-side timings against what a user would pick instead. Not tests: nothing here fails on a slow machine."""

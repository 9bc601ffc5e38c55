"""The reference: from pixels to a model's input, and from its raw outputs to faces. Plain NumPy.

Swift and Kotlin are held to these functions by the golden vectors in tests/golden.
"""

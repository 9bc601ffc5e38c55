"""Parity: does an artifact compute what the network computes?

inputs → every backend → tensors compared number by number, faces compared face by face → report.
"""

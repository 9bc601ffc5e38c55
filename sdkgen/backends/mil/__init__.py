"""An evaluator of Core ML's ML Programs in NumPy: what a saved .mlpackage computes, on any machine."""

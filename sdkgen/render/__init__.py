"""From a typed context to a complete SDK bundle."""

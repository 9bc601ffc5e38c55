"""The reference pipeline in plain NumPy: preprocess, anchors, decode, blend. Swift and Kotlin are held to it."""

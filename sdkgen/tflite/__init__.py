"""The .tflite file itself: reading and writing the flatbuffer, its graph, and the values of its constants."""

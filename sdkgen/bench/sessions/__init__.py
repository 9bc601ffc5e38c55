"""One session on a device: sdkgen's folder there, the process, and what it wrote."""

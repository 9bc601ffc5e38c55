"""Types for the reviewed files in models/ and devices/: a wrong key or value is an error that cites file and key."""

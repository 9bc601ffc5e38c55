"""The Android SDK, compiled and run on the JVM."""

"""The Kotlin core against a plain port, with JMH."""

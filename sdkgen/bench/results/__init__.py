"""The store, its migrations, and the statistics over what it holds."""

"""Loads the plugin in a checkout, where the package is not installed."""

pytest_plugins = ("properties.plugin",)

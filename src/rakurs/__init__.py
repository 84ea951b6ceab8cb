"""Rakurs: a second opinion on an image, or on several views of one subject."""

__version__ = "0.1.0"

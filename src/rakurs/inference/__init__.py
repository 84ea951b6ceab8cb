"""The reading path: from a file to findings, without torch and without Django."""

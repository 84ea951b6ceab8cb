"""From a data set as people have it to its index: NIH ChestX-ray14, a folder per label, any CSV; no torch."""

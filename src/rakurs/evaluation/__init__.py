"""What a pack is worth: ranking, calibration, thresholds and intervals, in numpy alone."""

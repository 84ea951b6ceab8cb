"""Training networks with torch: data sets, networks, augmentation, the loop and the export to ONNX."""

"""DICOM: pixels, de-identification, objects, the node and DICOMweb."""

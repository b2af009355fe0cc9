"""DICOMweb over the pseudonymised stacks: QIDO-RS and WADO-RS (DICOM PS3.18, 10.4 and 10.6)."""

"""Splits, augmentation, training, evaluation, calibration."""

"""The epochs of a training: fed from the host's memory, or compiled for images that are on the device."""

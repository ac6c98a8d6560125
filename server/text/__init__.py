"""Chat text made speakable: cleaned, normalised, cut into pieces, told apart by role."""

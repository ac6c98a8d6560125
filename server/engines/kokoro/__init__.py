"""Kokoro 82M on ONNX Runtime: text to phonemes, phonemes to sound, window by window."""

"""The judge of exported files: onnxruntime and numpy only, no TensorFlow and no Keras."""

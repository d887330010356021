"""Other people's weights and formats: the reference's weight files, ONNX, torch.export."""

"""Weights and formats of other programs: the reference's weight files, ONNX, torch.export."""

"""The data doctor: what is wrong with a domain's pictures, before they cost a training run."""

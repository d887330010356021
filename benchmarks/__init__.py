"""What the README's figures come from; each is ``python -m benchmarks.NAME``, from the checkout."""

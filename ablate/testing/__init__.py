"""For tests of components and reports, ours and yours.

`ablate.testing.conformance` checks components, `ablate.testing.synthetic` makes results without training.
"""

"""Every operation that is answered, asked rightly and wrongly: cases made from AWS's own service models.

    values -> cases -> wire -> ControlPlane.handle -> verdict

`make conformance` runs all of them, `make test` a sample. A case is named `api:Operation:kind:member`, and each
operation has a random generator of its own, so that a case repeats by its name and the seed, whatever ran before it.
"""

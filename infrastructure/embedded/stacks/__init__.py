"""CloudFormation: the engine that makes, changes and deletes what a template says, by types that are data.

    template ─▶ engine (order, rollback, events) ─▶ lifecycle (one resource) ─▶ plan (its calls) ─▶ calls (the seam)
                                                         │ types: `TYPES` of each apis/<api>/resources.py
                                                         │ schemas: what AWS says of a type's properties

How a type is added stands in `resource_type`.
"""

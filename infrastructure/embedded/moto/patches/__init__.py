"""Corrections of moto 5.2, one module each: what grows with history, or contradicts AWS.

A patch module says in its docstring which code of moto it replaces and why, and replaces it in `install`, which runs
right after the import of the moto package it belongs to (`core`: what all share). Its test compares it with moto's
own code. Adding one is its file and its place in `PATCHES`.
"""

import importlib
from collections.abc import Mapping
from typing import Any

PATCHES: Mapping[str, tuple[str, ...]] = {
    "applicationautoscaling": ("infrastructure.embedded.apis.application_autoscaling.patches",),
    "cloudformation": ("infrastructure.embedded.apis.cloudformation.patches",),
    "core": (
        "infrastructure.embedded.moto.patches.tracking",
        "infrastructure.embedded.moto.patches.request_cost",
    ),
    "dynamodb": (
        "infrastructure.embedded.moto.patches.kms_keys",
        "infrastructure.embedded.apis.dynamodb.patches.items",
        "infrastructure.embedded.apis.dynamodb.patches.numbers",
        "infrastructure.embedded.apis.dynamodb.patches.tables",
        "infrastructure.embedded.apis.dynamodb.patches.transactions",
        "infrastructure.embedded.apis.dynamodb.patches.malformed",
        "infrastructure.embedded.apis.dynamodb.patches.expressions",
    ),
    "ec2": ("infrastructure.embedded.apis.ec2.patches",),
    "ecr": ("infrastructure.embedded.apis.ecr.patches",),
    "ecs": ("infrastructure.embedded.apis.ecs.patches",),
    "elasticache": ("infrastructure.embedded.apis.elasticache.patches",),
    "elbv2": ("infrastructure.embedded.apis.elbv2.patches",),
    "iam": ("infrastructure.embedded.apis.iam.patches",),
    "logs": ("infrastructure.embedded.apis.logs.patches", "infrastructure.embedded.apis.logs.subscriptions"),
    "redshift": ("infrastructure.embedded.apis.redshift.patches",),
    "rds": ("infrastructure.embedded.apis.rds.patches",),
    "s3": ("infrastructure.embedded.apis.s3.patches",),
    "resourcegroupstaggingapi": ("infrastructure.embedded.apis.tagging.patches",),
    "secretsmanager": ("infrastructure.embedded.apis.secretsmanager.patches",),
    "sqs": ("infrastructure.embedded.apis.sqs.patches", "infrastructure.embedded.apis.sqs.answers"),
}
"""moto package to the patches it gets, in this order. They import moto, so they are imported when it is prepared."""


def apply(package: str) -> None:
    """Install the patches of moto's `package`, which has just been imported."""
    for name in PATCHES.get(package, ()):
        load(name).install()


def load(name: str) -> Any:
    """The patch module called `name`."""
    return importlib.import_module(name)

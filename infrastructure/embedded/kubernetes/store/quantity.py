"""Kubernetes' quantities: `250m`, `1.5`, `64Mi`. Source: k8s.io/apimachinery, pkg/api/resource."""

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(m|u|n|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?\d+)?")
_FACTORS = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("n", "u", "m"), start=-3)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def is_quantity(text: object) -> bool:
    """Whether it can be read as one."""
    return isinstance(text, int | float) or (isinstance(text, str) and _FORM.fullmatch(text) is not None)


def value(text: object) -> float:
    """How much it is, in its own unit: cores, or bytes. `ValueError` for what is none."""
    read = _FORM.fullmatch(str(text))
    if read is None:
        raise ValueError(f"{text!r} is no quantity: a number with a suffix of m, k, M, G, Ki, Mi, Gi")
    number, suffix = Decimal(read[1]), read[2] or ""
    factor = _FACTORS[suffix] if suffix in _FACTORS else Decimal(10) ** int(suffix[1:])
    return float(number * factor)


def millis(cores: float) -> str:
    """Cores as Kubernetes writes them: `250m`, `2`."""
    thousandths = round(cores * 1000)
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"

"""Corrections of moto 5.2, one module each: what grows with history or contradicts AWS.

A patch module says in its docstring which code of moto it replaces and why, names the moto package it belongs to in
`PACKAGE` (`core` for what all share), and replaces it in `install`, which runs right after that package's import.
Its test compares it with moto's own code, so that a moto that mends itself shows.
"""

from types import ModuleType

PATCHES: tuple[ModuleType, ...] = ()

"""Reads each book through boto3. The only writer among them is the payment queue: reading a queue is taking from it."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import batched
from typing import Any, Protocol

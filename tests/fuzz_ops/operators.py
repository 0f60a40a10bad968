"""All growers; importing a family adds its own to `GROWERS`."""

import classic  # noqa: F401
import control_flow  # noqa: F401
import elementwise  # noqa: F401
import movement  # noqa: F401
import networks  # noqa: F401
import products  # noqa: F401
import rarer  # noqa: F401
from growing import GROWERS

__all__ = ["GROWERS"]

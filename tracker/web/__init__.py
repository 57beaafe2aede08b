"""The pages: server-rendered, without scripts, calling the same actions as the API.

Each module with pages brings a list `routes`; a new module is found by itself.
"""

import importlib
import pkgutil

from litestar.types import ControllerRouterHandler

routers: list[ControllerRouterHandler] = [
    route
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__))
    for route in getattr(importlib.import_module(f"{__name__}.{module}"), "routes", ())
]
"""Everything a browser may ask for."""

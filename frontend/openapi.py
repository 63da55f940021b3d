"""Writes the studio's OpenAPI document, of which the page's client is made: python openapi.py FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from facemogle.apps.studio.app import create_app

Path(sys.argv[1]).write_text(
    json.dumps(create_app(cast(Any, None)).openapi(), indent=1) + "\n", encoding="utf-8"
)

"""An implementation whose import does not end."""

import os
import time

from tests.injections.targets import FOREVER, tell

if "MOMENTS" in os.environ:
    tell("call")
time.sleep(FOREVER)

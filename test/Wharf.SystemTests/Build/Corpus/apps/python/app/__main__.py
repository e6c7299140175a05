import os
import sys

from .words import greeting

if "--check" in sys.argv:
    sys.exit(0)
print(greeting(os.environ["WHO"]), sys.prefix)

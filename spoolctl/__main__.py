"""``python -m spoolctl``: the same as the command ``spoolctl``."""

import sys

from spoolctl.cli.app import main

sys.exit(main())

"""`python -m facemogle`, which launchers of several processes start."""

from facemogle.apps.cli import main

main()

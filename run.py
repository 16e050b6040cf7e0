"""The Hydra application: `python run.py scenario=mixed_5_5`, `python run.py -m scenario=homogeneous,mixed_5_5`."""

import sys

from acausal.launch import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

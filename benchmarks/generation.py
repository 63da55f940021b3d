"""The embedded model as a user meets it: import and load, one face, four faces, peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from table import Row

# In a process of its own: what is imported already, or was once held in memory, would not count.
CHILD = """
import json, resource, sys, time
start = time.perf_counter()
from facemogle import FaceMoGLEPipeline, LabelMap
pipe = FaceMoGLEPipeline.mini()
loaded = time.perf_counter() - start
pipe.set_progress_bar_config(disable=True)
mask = LabelMap.read(sys.argv[1])

def seconds(count):
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        pipe("a young woman with brown hair", mask=mask, seed=list(range(count)))
        taken.append(time.perf_counter() - start)
    return taken[0], sorted(taken[1:])[2]

first, one = seconds(1)
_, four = seconds(4)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"load": loaded, "first": first, "one": one, "four": four, "peak_mib": peak}))
"""


def rows() -> list[Row]:
    mask = Path(str(files("facemogle") / "assets" / "examples" / "long_hair.png"))
    command = [sys.executable, "-c", CHILD, str(mask)]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(2)
    ]
    warm = runs[-1]  # the first run also fills the file cache
    return [
        Row("import and load the mini model", f"{warm['load']:.1f} s", "5 s"),
        Row("one 128 x 128 face, mask and caption, default steps", f"{warm['one']:.2f} s", "1.5 s"),
        Row("the same, first after loading", f"{warm['first']:.2f} s", "1.5 s"),
        Row("four faces at once", f"{warm['four']:.2f} s"),
        Row("peak memory of all that", f"{warm['peak_mib'] / 1024:.2f} GiB", "1.5 GB"),
    ]

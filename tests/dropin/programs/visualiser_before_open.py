"""A notebook shows its visualisers in a cell before the one that opens the device."""

import sys
from types import ModuleType

import cl

shown: list[str] = []
display = ModuleType("IPython.display")
vars(display).update(HTML=str, display=shown.append)
IPython = ModuleType("IPython")
vars(IPython)["display"] = display
were = {name: sys.modules.get(name) for name in ("IPython", "IPython.display")}
sys.modules.update({"IPython": IPython, "IPython.display": display})

from cl.visualisation import create_iframe_visualiser, create_visualiser  # noqa: E402
from cl.visualisation.jupyter import display_visualiser, show_activity  # noqa: E402

with open("game.js", "w") as file:
    file.write("function createVisualiser(uniqueId, div) { return { reset() {}, process() {}, draw() {} }; }")
with open("game.html", "w") as file:
    file.write("<p>score</p>")
display_visualiser("game.js", "game.html", ["game"], use_sidebar=False, aspect_ratio=1.5)
show_activity(mode="2d", use_sidebar=True, focus_on_channels=[8, 9])
show_activity(mode="3d", colour="red")
print(len(shown), all("<iframe" in text for text in shown))
print("<iframe" in create_visualiser("game.js"), "<iframe" in create_iframe_visualiser("/page", False, 2))
with cl.open() as neurons:
    neurons.create_data_stream("game").append(neurons.timestamp(), {"score": 1})
    print("<iframe" in create_visualiser("game.js", "game.html", ["game"]))
try:
    create_visualiser("missing.js")
except FileNotFoundError:
    print("FileNotFoundError")
for name, module in were.items():
    del sys.modules[name]
    if module is not None:
        sys.modules[name] = module

# prints:
#   3 True
#   True True
#   True
#   FileNotFoundError

"""What of cl-sdk's face is not ours, or not with the same arguments, and why. This list only becomes shorter.

A pattern of `fnmatch` for the paths of entries, `module:name` or `module:class.member`, and the reason.
"""

from __future__ import annotations

from typing import Final

_MADE_BY = "users do not make one: "
_INNER = "an inner part of cl-sdk, which no program was found to use: "

EXCEPTIONS: Final = {
    "cl:DataStream": f"{_MADE_BY}neurons.create_data_stream(...) does",
    "cl:Loop": f"{_MADE_BY}neurons.loop(...) does",
    "cl:LoopTick": f"{_MADE_BY}a loop does",
    "cl:Neurons": f"{_MADE_BY}cl.open() does",
    "cl:Recording": f"{_MADE_BY}neurons.record(...) does",
    "cl:StimPlan": f"{_MADE_BY}neurons.create_stim_plan() does",
    "cl.sim:LiveDataSink": f"{_MADE_BY}a live source is handed one by `start`",
    "cl.util:AttributesView": f"{_MADE_BY}a view has it as `attributes`",
    "cl.util:DataStreamView": f"{_MADE_BY}a view has them in `data_streams`",
    "cl.util:DataStreamView.DataStream*View": f"{_INNER}what keys(), values() and items() return",
    "cl.util:DataStreamView.data_for_entry": f"{_INNER}how an entry is cut out of the bytes of its file",
    "cl.util:PrettyishEncoder*": f"{_INNER}the encoder behind to_json, which breaks lists in lists",
    "cl.util:allow_debugging": f"{_INNER}it has its own processes wait for a debugger",
    "cl.util:clean_uncaught_exception_printing": f"{_INNER}it shortens what its own processes print",
}

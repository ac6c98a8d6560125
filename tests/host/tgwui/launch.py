"""Start TGWUI's own server.py (unmodified) with PyPI's gradio 4.37.2 in place of the host's private build.

usage: python launch.py <tgwui checkout> [server.py flags ...]

TGWUI pins gradio 4.37.2+custom.20, a wheel that is only on GitHub.  PyPI's 4.37.2 lacks two components and a few
keyword arguments that server.py uses, so they are supplied here before server.py runs:

  gr.Headless            -> gr.JSON(visible=False)      (what TGWUI itself used before it had Headless)
  gr.DragDrop            -> gr.Textbox
  gr.Blocks(dark_theme=) -> accepted and dropped
  unknown keywords       -> accepted with a warning, as the private build does (old extensions rely on it)
  huggingface_hub.HfFolder  removed in hub 1.x; gradio/oauth.py imports it
  gradio_client boolean JSON schemas (pydantic >= 2.11)

Nothing here is needed by, or visible to, an extension that only uses documented gradio 4 API.
"""

import functools
import os
import runpy
import sys
import warnings
from pathlib import Path


def shim():
    import huggingface_hub

    if not hasattr(huggingface_hub, "HfFolder"):
        huggingface_hub.HfFolder = type("HfFolder", (), {"get_token": staticmethod(huggingface_hub.get_token)})

    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    # Gradio asks its own fresh server a few things with limits of seconds; a busy machine needs longer.
    import httpx

    for name in ("get", "head"):
        asked = getattr(httpx, name)
        setattr(httpx, name, lambda *a, _asked=asked, **kw: _asked(*a, **{**kw, "timeout": 60}))

    import gradio_client.utils as cu

    _get_type, _to_py = cu.get_type, cu._json_schema_to_python_type
    cu.get_type = lambda s: ("any" if s else "never") if isinstance(s, bool) else _get_type(s)
    cu._json_schema_to_python_type = lambda s, d: ("any" if s else "never") if isinstance(s, bool) else _to_py(s, d)

    import inspect

    import gradio as gr
    from gradio import blocks
    from gradio.components.base import Component

    # unexpected keywords are swallowed by the private build's Component
    comp_init = Component.__init__
    known = set(inspect.signature(comp_init).parameters)

    def component_init(self, *a, **kw):
        for k in [k for k in kw if k not in known]:
            warnings.warn(f"Unexpected keyword argument '{k}' for {type(self).__name__}, ignoring.", stacklevel=2)
            kw.pop(k)
        return comp_init(self, *a, **kw)

    Component.__init__ = component_init

    blocks_init = blocks.Blocks.__init__

    def new_blocks_init(self, *a, dark_theme=None, **kw):
        self.dark_theme = dark_theme
        return blocks_init(self, *a, **kw)

    blocks.Blocks.__init__ = new_blocks_init

    gr.Headless = functools.partial(gr.JSON, visible=False)
    gr.DragDrop = gr.Textbox


if __name__ == "__main__":
    root = str(Path(sys.argv[1]).resolve())
    os.chdir(root)
    sys.argv = ["server.py", *sys.argv[2:]]
    sys.path[0] = root
    shim()
    runpy.run_path(str(Path(root) / "server.py"), run_name="__main__")

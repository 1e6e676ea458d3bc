"""The page's style, light and dark."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f3f5f7; --card: #ffffff; --ink: #1c232b; --quiet: #5b6672; --line: #dde2e8; --mark: #2672b8;
  --warn: #8a4b00; --warn-page: #fff3e0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151a; --card: #1a2027; --ink: #e3e8ee; --quiet: #97a3b0; --line: #2d3640; --mark: #6db3f2;
    --warn: #ffc77d; --warn-page: #33270f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
.kind {
  margin: 0; color: var(--quiet); text-transform: uppercase; letter-spacing: 0.08em; font-size: 0.78rem;
}
h1 { margin: 0.1rem 0 0.6rem; font-size: 1.75rem; line-height: 1.25; overflow-wrap: anywhere; }
h2.file {
  margin: 3rem 0 0.3rem; padding-top: 1rem; border-top: 2px solid var(--line); overflow-wrap: anywhere;
}
h3 { margin: 0; font-size: 1.15rem; overflow-wrap: anywhere; }
nav ul { margin: 0 0 1rem; padding: 0; list-style: none; }
a { color: var(--mark); }
.path { margin: 0 0 1rem; color: var(--quiet); font-size: 0.85rem; overflow-wrap: anywhere; }
dl {
  margin: 0; display: grid; gap: 0.75rem 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr));
}
dt { color: var(--quiet); font-size: 0.8rem; }
dd { margin: 0; font-size: 1.05rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
dl > div { display: flex; flex-direction: column; justify-content: flex-end; }
dl.facts { margin-bottom: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
article {
  margin: 0 0 1.25rem; padding: 1.25rem 1.5rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; break-inside: avoid;
}
.says { margin: 0.15rem 0 1rem; color: var(--quiet); max-width: 46rem; }
dl.figures { margin-bottom: 1rem; }
dl.glance { margin: 0.75rem 0 0.4rem; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
dl.figures dd { font-size: 1.2rem; font-weight: 600; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; justify-content: center; }
.pictures.several {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr));
}
figure { margin: 0; flex: 0 1 auto; max-width: 100%; }
figure img { display: block; margin: 0 auto; max-width: 100%; height: auto; }
figcaption { text-align: center; color: var(--quiet); font-size: 0.85rem; }
figure.empty p { margin: 0; color: var(--quiet); font-style: italic; }
.refused { margin: 0 0 0.75rem; padding: 0.5rem 0.75rem; border-radius: 6px; color: var(--warn);
  background: var(--warn-page); overflow-wrap: anywhere; }
.arguments { margin: 0.75rem 0 0; color: var(--quiet); font-size: 0.8rem; overflow-wrap: anywhere; }
.arguments b { color: var(--mark); }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
footer { padding-top: 0.5rem; padding-bottom: 3rem; color: var(--quiet); font-size: 0.85rem; }
@media (max-width: 40rem) { article { padding: 1rem; } h1 { font-size: 1.4rem; } }
@media print { body { background: none; } article { border-color: #ccc; } }
"""

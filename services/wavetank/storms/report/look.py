"""How the page looks: its style, what it may load, and how plots follow a light or a dark screen.

Kept true: the page may load nothing at all; its own policy forbids it, so that a report can be opened anywhere and
tells nobody that it was.
"""

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:"
)
"""Bokeh compiles the small scripts of its ticks and tooltips, which is what `unsafe-eval` is for."""

STYLE = """
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5b626a;--line:#d9dde1;--faint:#f4f6f8;--back:#fff;
--good:#0b6e4f;--bad:#b3400a}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8ea;--soft:#a2abb4;--line:#363c43;--faint:#1e2328;--back:#14171a;
--good:#4cc79b;--bad:#ff9a62}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1280px;padding:1.2rem;color:var(--ink);
background:var(--back)}
h1{margin:0 0 .2rem;font-size:1.6rem}h2{margin:2.4rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem;
font-size:1.25rem}h3{margin:1.4rem 0 .3rem;font-size:1.05rem}
p.lead,p.note{color:var(--soft);margin:.2rem 0 .8rem}p.note{font-size:.86rem;max-width:60rem}
nav{display:flex;flex-wrap:wrap;gap:.2rem .9rem;font-size:.9rem;margin:.6rem 0}nav a,a{color:inherit}
.cards{display:flex;flex-wrap:wrap;gap:.6rem;margin:.8rem 0}.card{border:1px solid var(--line);border-radius:8px;
padding:.5rem .8rem;min-width:8rem}.card b{display:block;font-size:1.2rem}.card span{color:var(--soft);font-size:.85rem}
table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums;margin:.3rem 0 1rem}
th,td{padding:.22rem .5rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{background:var(--faint)}td{overflow-wrap:anywhere}td.n,th.n{text-align:right;white-space:nowrap}td.group{color:var(--soft);font-style:italic;
padding-top:.7rem}
.ok{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
.wide{overflow-x:auto}.tall{overflow:auto;max-height:32rem}code{font-size:.9em;overflow-wrap:anywhere}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(26rem,100%),1fr));gap:.4rem 1rem}
.plot{width:100%;margin:.3rem 0}details{margin:.5rem 0}summary{cursor:pointer;color:var(--soft)}
@media (max-width:700px){body{padding:.7rem;font-size:14px}}
"""

FOLLOW_SCREEN = """
<script>
// Letters of plots are painted, so styles do not reach them: they are set when the screen turns dark or light.
(() => {
  const screen = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const styles = getComputedStyle(document.documentElement);
    const soft = styles.getPropertyValue("--soft").trim();
    const set = (model, values) => { try { model.setv(values); } catch (_) {} };
    for (const document of Bokeh.documents) for (const model of document._all_models.values()) {
      const kind = model.type;
      if (kind.endsWith("Axis")) set(model, {major_label_text_color: soft, axis_label_text_color: soft});
      if (kind === "CategoricalAxis") set(model, {group_text_color: soft});
      if (kind === "Title") set(model, {text_color: soft});
      if (kind === "Legend") set(model, {label_text_color: soft});
    }
  };
  screen.addEventListener("change", paint);
  window.addEventListener("load", () => setTimeout(paint, 0));
})();
</script>
"""

// Keys press the buttons and links that name them, rows are walked, a run at work is asked how it stands.
// Everything is there without this file too.
"use strict";
const on = (id) => document.getElementById(id);
let before = "";

document.addEventListener("keydown", (event) => {
  const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (event.key === "Escape" && writing) { event.target.blur(); return; }
  if (writing || event.ctrlKey || event.metaKey || event.altKey) { return; }
  const first = before; before = event.key;
  if (event.key === "?" && on("keys")) { event.preventDefault(); on("keys").open = !on("keys").open; return; }
  if (event.key === "n" && on("note")) { event.preventDefault(); on("note").focus(); return; }
  if (event.key === "/" && on("text")) { event.preventDefault(); on("text").focus(); return; }
  if (event.key === "e" && on("evidence")) { on("evidence").open = !on("evidence").open; return; }
  if (event.key === "Enter" && on("first") && event.target === document.body) { on("first").click(); return; }
  const pressed = document.querySelector(`[data-key="${CSS.escape(first === "g" ? `g${event.key}` : event.key)}"]`)
    || document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (pressed && !pressed.disabled) { event.preventDefault(); pressed.click(); return; }
  if (event.key === "j" || event.key === "k") { walk(event.key === "j" ? 1 : -1); }
});

// rows of a list, by j and k
function walk(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) { return; }
  const at = rows.indexOf(document.activeElement);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

// dark, light, or as the system is; the server reads it from the cookie, so that no page flashes
for (const each of document.querySelectorAll("[data-theme-switch]")) {
  each.hidden = false;
  each.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `rlaif_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
  });
}

// a run at work: figures each second; what is drawn is fetched again when its files have changed
const live = document.querySelector("[data-live]");
if (live) {
  let stamp = live.dataset.stamp;
  const every = Number(live.dataset.every || 1000);
  const ask = async () => {
    try {
      const answer = await fetch(live.dataset.live, { headers: { accept: "application/json" } });
      const now = await answer.json();
      for (const [name, text] of Object.entries(now.shown)) {
        const place = live.querySelector(`[data-shown="${CSS.escape(name)}"]`);
        if (place) { place.textContent = text; }
      }
      const bar = live.querySelector("rect");
      if (bar) { bar.setAttribute("width", `${now.percent}%`); }
      if (now.stamp !== stamp || !now.running) {
        stamp = now.stamp;
        const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
        for (const old of document.querySelectorAll("[data-fresh]")) {
          const fresh = page.getElementById(old.id);
          const at = [...old.querySelectorAll("[data-row]")].indexOf(document.activeElement);
          if (fresh) { old.replaceWith(fresh); }
          if (fresh && at >= 0) { fresh.querySelectorAll("[data-row]")[at]?.focus(); }
        }
        if (!now.running) { location.reload(); return; }
      }
    } catch (gone) { /* the server was stopped: what is shown stays */ }
    setTimeout(ask, document.hidden ? 5000 : every);
  };
  setTimeout(ask, every);
}

// what is being worked out is asked for again until it is there
const waited = document.querySelector("[data-wait]");
if (waited) { setTimeout(() => location.reload(), 1000 * Number(waited.dataset.wait)); }

// Keys press the buttons and links that name them; everything works without this file too.
"use strict";
document.addEventListener("keydown", (event) => {
  const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "Escape" && writing) { event.target.blur(); return; }
  if (writing || event.ctrlKey || event.metaKey || event.altKey) { return; }
  const on = (id) => document.getElementById(id);
  if (event.key === "n" && on("note")) { event.preventDefault(); on("note").focus(); return; }
  if (event.key === "/" && on("text")) { event.preventDefault(); on("text").focus(); return; }
  if (event.key === "e" && on("evidence")) { on("evidence").open = !on("evidence").open; return; }
  if (event.key === "Enter" && on("first") && event.target === document.body) { on("first").click(); return; }
  const pressed = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (pressed && !pressed.disabled) { event.preventDefault(); pressed.click(); }
});

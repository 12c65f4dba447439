"use strict";

const element = (id) => document.getElementById(id);
const root = document.documentElement;

/* Theme: as the system has it, until the reader chooses. */

const THEMES = ["", "light", "dark"];
const THEME_WORDS = { "": "Theme: auto", light: "Theme: light", dark: "Theme: dark" };
const THEME_ICONS = { "": "◐", light: "☀", dark: "☾" };

function showTheme() {
  const theme = root.dataset.theme || "";
  element("theme").textContent = THEME_ICONS[theme];
  element("theme").setAttribute("aria-label", THEME_WORDS[theme]);
  element("theme").title = THEME_WORDS[theme];
}

function nextTheme() {
  root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme || "") + 1) % THEMES.length];
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* not kept, then */ }
  showTheme();
}

/* Contents on a small screen. */

function toggleContents(open) {
  element("side").classList.toggle("open", open);
  element("menu").setAttribute("aria-expanded", open);
}

function prepareContents() {
  const menu = element("menu"), side = element("side");
  menu.setAttribute("role", "button");
  menu.setAttribute("aria-controls", "side");
  toggleContents(false);
  menu.addEventListener("click", (event) => {
    event.preventDefault();
    toggleContents(!side.classList.contains("open"));
  });
  menu.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); menu.click(); } });
  side.addEventListener("click", (event) => { if (event.target.closest("a")) toggleContents(false); });
  side.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

/* Search: every word must occur; headings count more than text. */

const MOST = 12;
let index = null;
window.bookIndex = (entries) => { index = entries; search(); };

function loadIndex() {
  if (index || element("index")) return;
  const script = document.createElement("script");
  script.id = "index";
  script.src = `${root.dataset.root}assets/search-index.js`;
  document.head.append(script);
}

function score([chapter, heading, , text], words) {
  let sum = 0;
  for (const word of words) {
    const points = 20 * heading.toLowerCase().includes(word) + 10 * chapter.toLowerCase().includes(word)
      + Math.min(text.toLowerCase().split(word).length - 1, 5);
    if (!points) return 0;
    sum += points;
  }
  return sum;
}

function found(words) {
  return index.map((entry) => [score(entry, words), entry]).filter(([points]) => points)
    .sort(([a], [b]) => b - a).slice(0, MOST).map(([, entry]) => entry);
}

function excerpt(text, words) {
  const first = Math.max(0, ...words.map((word) => text.toLowerCase().indexOf(word)).filter((at) => at >= 0).slice(0, 1));
  const start = Math.max(0, text.lastIndexOf(" ", Math.max(0, first - 40)));
  return (start ? "… " : "") + text.slice(start, start + 150).replace(/\s+/g, " ").trim() + (start + 150 < text.length ? " …" : "");
}

function part(name, text, words) {
  const span = document.createElement("span");
  span.className = name;
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  text.split(new RegExp(`(${pattern})`, "i")).forEach((piece, i) => {
    const mark = i % 2 ? document.createElement("mark") : document.createTextNode(piece);
    if (i % 2) mark.textContent = piece;
    span.append(mark);
  });
  return span;
}

function result([chapter, heading, path, text], words) {
  const link = document.createElement("a");
  link.href = root.dataset.root + path;
  link.append(part("title", heading || chapter, words), part("where", chapter, words), part("text", excerpt(text, words), words));
  return link;
}

function search() {
  const words = element("query").value.toLowerCase().split(/\s+/).filter(Boolean);
  const box = element("results");
  box.hidden = !words.length || !index;
  if (box.hidden) { element("found").textContent = ""; return; }
  const entries = found(words);
  box.replaceChildren(...entries.map((entry) => result(entry, words)));
  element("found").textContent = `${entries.length} results`;
  if (!entries.length) {
    const nothing = document.createElement("p");
    nothing.className = "nothing";
    nothing.textContent = "Nothing found.";
    box.append(nothing);
  }
}

function prepareSearch() {
  const form = element("search"), query = element("query"), box = element("results");
  form.hidden = false;
  query.addEventListener("focus", () => { loadIndex(); search(); });
  query.addEventListener("input", () => { loadIndex(); search(); });
  form.addEventListener("submit", (event) => { event.preventDefault(); box.querySelector("a")?.click(); });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { box.hidden = true; query.focus(); box.hidden = true; }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const stops = [query, ...box.querySelectorAll("a")];
    const step = event.key === "ArrowDown" ? 1 : -1;
    stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
  });
  box.addEventListener("click", () => { box.hidden = true; });
  document.addEventListener("pointerdown", (event) => { if (!form.contains(event.target)) box.hidden = true; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea")) { event.preventDefault(); query.focus(); }
  });
}

element("theme").hidden = false;
element("theme").addEventListener("click", nextTheme);
showTheme();
prepareContents();
prepareSearch();

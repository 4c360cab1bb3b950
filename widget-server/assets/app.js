// Keeps the page true while somebody looks, and adds what HTML alone cannot: values under the
// pointer, ids that copy with a click, a filter that answers each key. All of it is extra: the page
// works without this file.
"use strict";

const one = (what, within = document) => within.querySelector(what);
const all = (what, within = document) => [...within.querySelectorAll(what)];

// ---- patching: the fresh page is laid over the old one, and only what differs is touched ----

const keyOf = (node) => node.dataset?.key;
// What the reader has changed is the reader's.
const isOurs = (name) => name === "open" || name === "hidden";
const isSelected = (node) => !getSelection().isCollapsed && getSelection().containsNode(node, true);

function patch(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data && !isSelected(old)) old.data = fresh.data;
    return;
  }
  if ("own" in old.dataset) return;
  for (const { name, value } of [...fresh.attributes])
    if (!isOurs(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!isOurs(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  if ("ago" in old.dataset) return;
  const kept = new Set([...fresh.children].map(keyOf));
  const known = new Map();
  for (const child of [...old.children]) {
    const key = keyOf(child);
    if (key && kept.has(key)) known.set(key, child);
    else if (key) child.remove();
  }
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    const like = at && at.nodeName === child.nodeName && !keyOf(at) ? at : null;
    const match = key ? known.get(key) : like;
    if (!match) old.insertBefore(document.importNode(child, true), at);
    else {
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      patch(match, child);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

// ---- looking again: after a hint, and now and then without one ----

const live = one(".live");
let ahead = new Date(document.body.dataset.now) - Date.now(); // the server's clock, before ours
let looked = Date.now(), took = 0, looking = false, wanted = false, source = null;

// A form for a token stays as it is: nothing on it changes, and what was said of the last try is to be read.
const isLive = document.body.dataset.events !== "";
const listens = () => source?.readyState === EventSource.OPEN;

function say(state) {
  const clock = new Date(looked + ahead).toISOString().slice(11, 19);
  const words = document.createElement("span");
  words.className = state === "lost" ? "" : "wide"; // the shape says the others where it is narrow
  words.textContent = {
    live: "live · updated ", polling: "updated ", paused: "paused · ", lost: "no answer since ",
  }[state];
  live.dataset.state = state;
  live.replaceChildren(words, clock);
}

async function look() {
  wanted = true;
  if (looking || document.hidden || !isLive) return;
  looking = true;
  const started = performance.now();
  try {
    while (wanted && !document.hidden) {
      wanted = false;
      const reply = await fetch(location.pathname + location.search, { cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (!fresh.body.dataset.now) throw new Error("not a page of ours");
      // A new server may bring a new script and style.
      if (one("script", fresh.head).src !== one("script", document.head).src) return location.reload();
      ahead = new Date(fresh.body.dataset.now) - Date.now();
      looked = Date.now();
      document.title = fresh.title;
      patch(document.body, fresh.body);
      tick();
      filter();
      all(".chart").forEach(showValue);
      say(listens() ? "live" : "polling");
    }
  } catch {
    say("lost");
  } finally {
    looking = false;
    took = performance.now() - started;
  }
}

function listen() {
  if (!isLive) return;
  source?.close();
  source = new EventSource(document.body.dataset.events);
  source.onopen = look;
  // A page that takes long to make is asked for less often.
  source.onmessage = () => setTimeout(look, Math.min(took * 4, 10_000));
}

function tick() {
  const now = Date.now() + ahead;
  for (const time of all("time[data-ago]")) {
    const secs = Math.floor((now - new Date(time.dateTime)) / 1000);
    const text = secs < 1 ? "just now"
      : secs < 60 ? `${secs} s ago`
      : secs < 3600 ? `${Math.floor(secs / 60)} min ago`
      : secs < 86400 ? `${Math.floor(secs / 3600)} h ago`
      : `${Math.floor(secs / 86400)} d ago`;
    if (time.textContent !== text && !isSelected(time)) time.textContent = text;
  }
}

setInterval(() => {
  if (document.hidden) return;
  tick();
  const silent = Date.now() - looked;
  if (silent > (listens() ? 15_000 : 5_000)) look();
  if (source?.readyState === EventSource.CLOSED && silent > 4_000) listen();
}, 1000);

document.addEventListener("visibilitychange", () => {
  if (!isLive) return;
  if (document.hidden) {
    source?.close();
    say("paused");
  } else {
    listen();
    look();
  }
});
// A page that is left must not hold its connection while it is kept for the way back.
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => { if (event.persisted) { listen(); look(); } });

// ---- copying, dialogs, filters ----

function tell(text) {
  one(".say").textContent = text;
}

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  const ask = event.target.closest("a[data-dialog]");
  if (copy) {
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      tell("copied");
      copy.classList.add("copied");
      setTimeout(() => { copy.classList.remove("copied"); tell(""); }, 1500);
    } catch {
      tell("the browser does not allow copying: " + copy.dataset.copy);
    }
  } else if (ask && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    document.getElementById(ask.dataset.dialog).showModal();
  }
});

const field = one("[data-filter]");

function filter() {
  const words = (field?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of all("tr[data-search]")) {
    row.hidden = !words.every((word) => row.dataset.search.includes(word));
    if (!row.hidden) shown += 1;
  }
  const nothing = one("[data-nothing]");
  if (nothing) nothing.hidden = shown > 0;
}

field?.addEventListener("input", () => {
  // What the server left out for an earlier search is not here to be found.
  if (field.value === "" && field.dataset.asked) field.form.submit();
  filter();
});
all("[data-submit]").forEach((choice) => choice.addEventListener("change", () => choice.form.submit()));

// ---- charts: the value under the pointer or the arrow keys ----

const chosen = new WeakMap(); // the point of each chart that is read

function pointsOf(chart) {
  return chart.dataset.points.split(";").filter(Boolean).map((point) => {
    const [x, y, time, value, range] = point.split(",");
    return { x: +x, y: +y, time, value, range };
  });
}

function showValue(chart) {
  const cursor = one(".cursor", chart), read = one(".read", chart);
  const point = chosen.has(chart) ? pointsOf(chart).at(chosen.get(chart)) : undefined;
  chart.classList.toggle("reading", Boolean(point));
  read.hidden = !point;
  if (!point) return;
  one("line", cursor).setAttribute("x1", `${point.x}%`);
  one("line", cursor).setAttribute("x2", `${point.x}%`);
  one("circle", cursor).setAttribute("cx", `${point.x}%`);
  one("circle", cursor).setAttribute("cy", point.y / 100 * one(".curve", chart).height.baseVal.value);
  const text = `${point.time} · ${point.value}` + (point.range && ` · ${point.range}`);
  if (read.textContent !== text) read.textContent = text;
}

document.addEventListener("pointermove", (event) => {
  const canvas = event.target.closest?.(".canvas");
  const chart = canvas?.closest(".chart");
  for (const other of all(".chart.reading"))
    if (other !== chart && !other.contains(document.activeElement)) { chosen.delete(other); showValue(other); }
  if (!chart) return;
  const box = canvas.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * 100;
  const points = pointsOf(chart);
  const nearest = points.reduce((best, point, i) =>
    best < 0 || Math.abs(point.x - x) < Math.abs(points[best].x - x) ? i : best, -1);
  if (nearest >= 0) { chosen.set(chart, nearest); showValue(chart); }
});

document.addEventListener("keydown", (event) => {
  const chart = event.target.closest?.(".plot")?.closest(".chart");
  if (!chart) return;
  const last = pointsOf(chart).length - 1;
  const now = chosen.has(chart) ? chosen.get(chart) : last + 1;
  const next = {
    ArrowLeft: now - 1, ArrowRight: now + 1, PageUp: now - 10, PageDown: now + 10, Home: 0, End: last,
  }[event.key];
  if (event.key === "Escape") chosen.delete(chart);
  else if (next === undefined || last < 0) return;
  else chosen.set(chart, Math.max(0, Math.min(last, next)));
  event.preventDefault();
  showValue(chart);
});

document.addEventListener("focusout", (event) => {
  const chart = event.target.closest?.(".plot")?.closest(".chart");
  if (chart) { chosen.delete(chart); showValue(chart); }
});

tick();
filter();
listen();

// Shows a person's messages in a page of the product:
// <script src="…/feed/forewarn.js" data-token="…" data-base="…" lang="en" defer></script>
(() => {
  "use strict";
  const me = document.currentScript;
  const base = (me.dataset.base || new URL(me.src).origin).replace(/\/+$/, "");
  const url = `${base}/feed/${encodeURIComponent(me.dataset.token || "")}`;
  const lang = (me.lang || document.documentElement.lang || "en").toLowerCase().startsWith("de") ? "de" : "en";
  const say = {
    en: { title: "Messages", none: "No messages.", all: "Mark all as read", close: "Close", fresh: "new",
      wrong: "Messages cannot be loaded now.", count: (n) => (n ? `Messages, ${n} unread` : "Messages, none unread") },
    de: { title: "Nachrichten", none: "Keine Nachrichten.", all: "Alle als gelesen markieren", close: "Schließen", fresh: "neu",
      wrong: "Nachrichten können gerade nicht geladen werden.", count: (n) => (n ? `Nachrichten, ${n} ungelesen` : "Nachrichten, keine ungelesen") },
  }[lang];
  const css = `:host{--g:#fff;--t:#17202b;--q:#566373;--l:#dce2ea;--a:#0b5394;--o:#fff;color-scheme:light dark;position:relative;display:inline-block;font:15px/1.5 system-ui,sans-serif}
@media (prefers-color-scheme:dark){:host{--g:#19212a;--t:#e6ebf1;--q:#9fadbc;--l:#2e3945;--a:#8cc0f3;--o:#10151b}}
button{font:inherit;color:var(--t);background:var(--g);border:1px solid var(--l);border-radius:8px;padding:6px 12px;min-height:36px;cursor:pointer}
:focus-visible{outline:3px solid var(--a);outline-offset:2px}
.n{display:inline-block;min-width:1.6em;margin-left:6px;padding:0 6px;border-radius:99px;background:var(--a);color:var(--o);font-weight:650;text-align:center}
[hidden]{display:none!important}
.box{position:absolute;left:0;z-index:9;width:min(380px,92vw);max-height:70vh;overflow:auto;margin-top:6px;padding:14px;color:var(--t);background:var(--g);border:1px solid var(--l);border-radius:11px;box-shadow:0 8px 30px #0003}
.top{display:flex;flex-wrap:wrap;gap:8px;justify-content:space-between;align-items:center}
h2,h3{font-size:1em;margin:0;overflow-wrap:anywhere}ul{list-style:none;margin:10px 0 0;padding:0}
.r{left:auto;right:0}@media (max-width:480px){.box{position:fixed;left:8px;right:8px;bottom:8px;width:auto}}a{color:var(--a)}
li{padding:10px 0;border-top:1px solid var(--l)}p{margin:4px 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
.q{color:var(--q);font-size:.87em}.u h3::before{content:"";display:inline-block;width:9px;height:9px;margin-right:7px;border-radius:50%;background:var(--a)}
.v{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}`;
  const make = (name, more, ...inside) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(more || {})) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  };
  const host = make("forewarn-feed", { lang });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  const badge = make("span", { class: "n", "aria-hidden": "true", hidden: "" });
  const open = make("button", { type: "button", "aria-expanded": "false", "aria-controls": "box" }, say.title, badge);
  const live = make("span", { class: "v", "aria-live": "polite" });
  const all = make("button", { type: "button", hidden: "" }, say.all);
  const close = make("button", { type: "button" }, say.close);
  const list = make("ul");
  const note = make("p", { class: "q" });
  const box = make("div", { id: "box", class: "box", role: "dialog", "aria-label": say.title, tabindex: "-1", hidden: "" },
    make("div", { class: "top" }, make("h2", {}, say.title), all, close), note, list);
  root.append(open, live, box);
  let unread = -1;

  // Words are text only; an address in them becomes a link.
  const words = (text) => text.split(/(https:\/\/[^\s<>"]+)/).map((part, odd) =>
    odd % 2 ? make("a", { href: part, rel: "noopener noreferrer", target: "_blank" }, part) : part);
  const item = (each) => make("li", each.read ? { lang: each.locale } : { lang: each.locale, class: "u" },
    make("h3", {}, each.subject || say.title, ...(each.read ? [] : [make("span", { class: "v" }, ` (${say.fresh})`)])),
    make("span", { class: "q" }, new Date(each.at).toLocaleString(lang)), make("p", {}, ...words(each.text)));
  const count = (n) => {
    badge.textContent = n > 99 ? "99+" : String(n);
    badge.hidden = all.hidden = !n;
    open.setAttribute("aria-label", say.count(n));
    if (n !== unread) live.textContent = say.count(n);
    unread = n;
  };
  const ask = async (path, more) => {
    const answer = await fetch(url + path, { credentials: "omit", referrerPolicy: "no-referrer", ...more });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const load = async () => {
    try {
      const told = await ask("");
      list.replaceChildren(...told.items.map(item));
      note.textContent = told.items.length ? "" : say.none;
      count(told.unread);
    } catch {
      note.textContent = say.wrong;
    }
  };
  const read = async (what) => {
    try {
      await ask("/read", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what) });
    } catch {
      note.textContent = say.wrong;
      return;
    }
    await load();
    box.focus();
  };
  const show = (on) => {
    box.hidden = !on;
    box.classList.toggle("r", host.getBoundingClientRect().left + 390 > innerWidth);
    open.setAttribute("aria-expanded", String(on));
    (on ? box : open).focus();
  };
  open.addEventListener("click", () => show(box.hidden));
  close.addEventListener("click", () => show(false));
  all.addEventListener("click", () => read({ all: true }));
  root.addEventListener("keydown", (event) => event.key === "Escape" && !box.hidden && show(false));
  me.after(host);
  load();
  setInterval(() => document.hidden || load(), 60000);
})();

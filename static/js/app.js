// The whole of the page's own script: everything else is HTML, CSS and htmx.
const root = document.documentElement;

const isDark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

function toggleTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  const said = document.querySelector("[data-say]");
  button.dataset.copied = "";
  if (said) said.textContent = "Copied";
  setTimeout(() => {
    delete button.dataset.copied;
    if (said) said.textContent = "";
  }, 1500);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-copy], [data-theme-toggle], [data-dialog], [data-close]");
  if (!target) return;
  if ("copy" in target.dataset) copy(target);
  if ("themeToggle" in target.dataset) toggleTheme();
  if ("dialog" in target.dataset) document.getElementById(target.dataset.dialog).showModal();
  if ("close" in target.dataset) target.closest("dialog").close();
});

// The resolutions of a workflow stay shut until somebody wants them. Without a script they stand open.
function open(place, wanted) {
  const panel = document.getElementById(place);
  if (!panel) return;
  const shell = panel.closest("[data-panel-of]") ?? panel;
  shell.hidden = !wanted;
  document.querySelector(`[data-opens="${place}"]`)?.setAttribute("aria-expanded", String(wanted));
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) open(opener.dataset.opens, opener.getAttribute("aria-expanded") !== "true");
});

// An address may name a panel or a step: it is opened, and the browser scrolls to it.
function openNamed() {
  const place = decodeURIComponent(location.hash.slice(1));
  const named = place && document.getElementById(place);
  if (!named) return;
  const opener = document.querySelector(`[data-opens="${CSS.escape(place)}"]`);
  if (opener?.getAttribute("aria-expanded") === "false") opener.click();
  if (named.matches("details")) named.open = true;
  (opener?.closest(".card") ?? named).scrollIntoView({ block: "start" });
}
openNamed();
addEventListener("hashchange", openNamed);

// A long list of things to choose from is filtered by typing, and says how many are chosen.
document.addEventListener("input", (event) => {
  const place = event.target.dataset?.filter;
  if (!place) return;
  const words = event.target.value.toLowerCase().split(/\s+/);
  const list = document.getElementById(place);
  let left = 0;
  for (const choice of list.querySelectorAll("[data-choice]")) {
    const told = choice.textContent.toLowerCase();
    choice.hidden = !words.every((word) => told.includes(word));
    left += !choice.hidden;
  }
  list.querySelector(".none-left").hidden = left > 0;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.dataset?.filter) event.preventDefault();
});
document.addEventListener("change", (event) => {
  const list = event.target.closest(".choices");
  const said = list && document.querySelector(`[data-chosen="${list.id}"]`);
  if (said) said.textContent = list.querySelectorAll("input:checked").length.toLocaleString("en");
});

// A menu opens in the middle of the page by itself; it belongs below its button, or above where there is no room.
document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!menu.matches?.(".menu") || event.newState !== "open") return;
    const button = document.querySelector(`[popovertarget="${menu.id}"]`).getBoundingClientRect();
    menu.dataset.placed = "";
    const left = Math.min(button.left, innerWidth - menu.offsetWidth - 12);
    const below = button.bottom + 4;
    const fits = below + menu.offsetHeight < innerHeight - 12;
    menu.style.left = `${Math.max(left, 12)}px`;
    menu.style.top = `${fits ? below : Math.max(button.top - menu.offsetHeight - 4, 12)}px`;
    menu.querySelector("a, button")?.focus();
  },
  true,
);
addEventListener("scroll", () => document.querySelector(".menu:popover-open")?.hidePopover(), { passive: true });

// A group of fields that belongs to another choice is hidden and not sent. Without this, all stand open.
function showChosen() {
  for (const group of document.querySelectorAll("[data-for]")) {
    const inputs = [...group.closest("form").querySelectorAll(`[name="${group.dataset.of}"]`)];
    const chosen = inputs.find((input) => input.type !== "radio" || input.checked);
    group.hidden = group.disabled = !group.dataset.for.split(" ").includes(chosen?.value);
  }
}
showChosen();
document.addEventListener("change", showChosen);
addEventListener("pageshow", showChosen);

// A second press while the first is on its way would only be refused; it should not look possible.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-once]")) button.setAttribute("aria-disabled", "true");
  if (event.target.dataset.sent) event.preventDefault();
  if (event.target.method === "post") event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
  const search = document.querySelector("[data-hotkey-search]");
  if (search) {
    search.focus();
    event.preventDefault();
  }
});

// The same words as `ago` in config/templatetags/signs.py.
function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "1 day ago" : `${days} days ago`;
}

function tick() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const told = ago((Date.now() - new Date(time.dateTime)) / 1000);
    if (time.textContent !== told) time.textContent = told;
  }
}
tick();
setInterval(tick, 10_000);

document.querySelector(".side [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// A morph would close what a person has opened, and take away what they are typing or reading.
function isBeingUsed(node, next) {
  if (!node.dataset || !next.dataset) return false;
  if (node.matches("[popover]:popover-open")) return true;
  if ("panel" in node.dataset && !("lazy" in node.dataset))
    return !node.hidden && node.dataset.seen === next.dataset.seen;
  if ("lazy" in node.dataset) return node.childElementCount > 0 && next.childElementCount === 0;
  return "page" in node.dataset && node.dataset.page !== next.dataset.page;
}
if (window.Idiomorph) {
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeNodeMorphed = (node, next) => !isBeingUsed(node, next);
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.matches("details, dialog")) &&
    !(name === "hidden" && node.matches("[data-panel], [data-panel-of]")) &&
    !(name === "aria-expanded" && node.matches("[data-opens]"));
}

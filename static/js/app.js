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

// A morph would close what a person has opened, and take away what they are typing.
if (window.Idiomorph) {
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.matches("details, dialog"));
}

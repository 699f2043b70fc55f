// Runs before the first paint, so that a page chosen dark never flashes light.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";

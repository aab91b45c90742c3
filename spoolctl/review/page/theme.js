// Sets light or dark before anything is painted; no module, so that it runs at once.
(() => {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem("spool.theme"));
  } catch { /* nothing readable is kept: the system's choice stands */ }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();

// The view of all images: filters over a gallery. The address is what holds the filters.

import { el } from "./dom.js";
import { Filters, hashOf, queryOf } from "./filters.js";
import { Panel } from "./panel.js";

export function imagesView(root, { query }) {
  let panel = null;
  const filters = new Filters((asked) => location.replace(hashOf("images", asked)));
  const home = el("div");
  root.append(el("h1", { class: "unseen" }, "Images"), filters.element, home);

  const show = (params) => {
    const asked = queryOf(params);
    filters.show(asked);
    if (panel?.asked !== JSON.stringify(asked)) {
      panel?.leave();
      panel = new Panel(asked);
      home.replaceChildren(panel.element);
      panel.shown();
    }
    if (params.has("find")) filters.text.focus();
  };

  show(query);
  return {
    title: "Images",
    renew: (route) => show(route.query),
    leave: () => panel.leave(),
    find: () => filters.text.focus(),
    key: (event) => panel.key(event),
  };
}

/** Which view the address names, and moving between views without loading the page again. */

export type Route =
  | { view: "home" }
  | { view: "library" }
  | { view: "asset"; id: string }
  | { view: "player" }
  | { view: "tokens" }
  | { view: "webhooks" }
  | { view: "setup" }
  | { view: "unknown" };

/** The view of a path; `unknown` for paths of the server and for mistakes. */
export function parseRoute(path: string): Route {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0) return { view: "home" };
  if (parts.length === 1 && parts[0] === "library") return { view: "library" };
  if (parts.length === 1 && parts[0] === "player") return { view: "player" };
  if (parts.length === 1 && parts[0] === "tokens") return { view: "tokens" };
  if (parts.length === 1 && parts[0] === "webhooks") return { view: "webhooks" };
  if (parts.length === 1 && parts[0] === "setup") return { view: "setup" };
  if (parts.length === 2 && parts[0] === "assets" && parts[1]) {
    try {
      return { view: "asset", id: decodeURIComponent(parts[1]) };
    } catch {
      return { view: "unknown" };
    }
  }
  return { view: "unknown" };
}

/** What a view is told by the one before it. */
export interface RouteState {
  /** A package to play as soon as it is ready. */
  play?: string;
  /** Text to show once on arrival: what was just done. */
  notice?: string;
}

class Router {
  route = $state<Route>(parseRoute(location.pathname));
  /** Counts arrivals, so that a view can be built anew and take the focus. */
  arrivals = $state(0);

  get state(): RouteState {
    return (history.state as RouteState | null) ?? {};
  }

  navigate(path: string, state: RouteState = {}): void {
    history.pushState(state, "", path);
    this.#arrive();
    scrollTo(0, 0);
  }

  /** Follows links and the back button; call once. */
  start(): void {
    addEventListener("popstate", () => this.#arrive());
    document.addEventListener("click", (event) => this.#follow(event));
  }

  #arrive(): void {
    this.route = parseRoute(location.pathname);
    this.arrivals += 1;
  }

  #follow(event: MouseEvent): void {
    const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (event.defaultPrevented || event.button !== 0 || modified) return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target !== "" || link.hasAttribute("download")) return;
    const address = new URL(link.href, location.href);
    if (address.origin !== location.origin || address.hash !== "") return;
    if (parseRoute(address.pathname).view === "unknown") return;
    event.preventDefault();
    this.navigate(address.pathname + address.search);
  }
}

export const router = new Router();

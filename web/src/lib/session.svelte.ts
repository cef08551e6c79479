/** Who is before the page: whether one has to log in, and has. */

import { ApiError, type Session, getSession, logIn, logOut, onUnauthorized, setUp } from "./api";

/** `asking` until the server has answered; `away` when it does not. */
export type Standing = "asking" | "in" | "out" | "unset" | "away";

/** What an answer to the question "who am I" means; `null` stands for a session. */
export function standing(error: unknown): Standing {
  if (error === null) return "in";
  if (!(error instanceof ApiError) || error.status !== 401) return "away";
  return error.code === "not_set_up" ? "unset" : "out";
}

class CurrentSession {
  standing = $state<Standing>("asking");
  account = $state<string | null>(null);
  /** Whether nobody has to log in. */
  open = $state(false);

  constructor() {
    // A session runs out while the page is open.
    onUnauthorized((error) => {
      if (this.standing === "in") this.standing = standing(error);
    });
  }

  async ask(): Promise<void> {
    try {
      this.#take(await getSession());
    } catch (error) {
      this.standing = standing(error);
    }
  }

  async logIn(name: string, password: string): Promise<void> {
    await logIn(name, password);
    await this.#check();
  }

  async setUp(token: string, name: string, password: string): Promise<void> {
    await setUp(token, name, password);
    await this.#check();
  }

  async logOut(): Promise<void> {
    await logOut();
    this.account = null;
    this.standing = "out";
  }

  /** Browsers keep the cookie of a session over https and on loopback only. */
  async #check(): Promise<void> {
    try {
      this.#take(await getSession());
    } catch (error) {
      if (standing(error) !== "out") throw error;
      throw new ApiError(
        401,
        "no_cookie",
        "The name and the password are right, but the browser does not keep the session: open this page over https.",
      );
    }
  }

  #take(session: Session): void {
    this.account = session.account;
    this.open = session.open;
    this.standing = "in";
  }
}

export const session = new CurrentSession();

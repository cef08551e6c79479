import { mount } from "svelte";
import App from "./App.svelte";
import { router } from "./lib/router.svelte";

const target = document.getElementById("app");
if (target === null) throw new Error("index.html has no element with the id app");

// The examples of the page name this server, whatever its address.
for (const origin of document.querySelectorAll("[data-origin]")) {
  origin.textContent = location.origin;
}
router.start();
target.replaceChildren();
mount(App, { target });

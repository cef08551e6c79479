// Upload, play and delete with the keyboard alone; the focus is always to be seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { waitForPlayback } from "../lib/browser.js";
import { until } from "../lib/tools.js";
import { world } from "../lib/world.js";

const here = world();
const MOST_TABS = 60;

const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    // A radio button is drawn by the text beside it.
    const drawn = element.matches("input[type=radio]") ? element.nextElementSibling : element;
    const style = getComputedStyle(drawn);
    const box = drawn.getBoundingClientRect();
    return {
      tag: element.localName,
      name: (element.getAttribute("aria-label") ?? element.textContent).trim(),
      // A control inside the player has the focus: the browser draws it.
      inside: !element.matches(":focus"),
      outlined: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2,
      onScreen: box.bottom > 0 && box.top < innerHeight,
    };
  });

/** Presses Tab until the element of that name has the focus; each stop on the way is visible. */
async function tabTo(page, name) {
  const stops = [];
  for (let count = 0; count < MOST_TABS; count += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (now.tag === "body") continue;
    stops.push(now.name + (now.inside ? " (inside)" : ""));
    assert.ok(now.outlined || now.inside, `the focus on "${now.name}" (${now.tag}) is not to be seen`);
    assert.ok(now.onScreen, `the focus on "${now.name}" (${now.tag}) is off the screen`);
    if (now.name === name && !now.inside) return;
  }
  assert.fail(`no "${name}" within ${MOST_TABS} stops: ${stops.join(" | ")}`);
}

test("upload, play, pause, delete", () =>
  here.withPage(async (page) => {
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    const chooser = page.waitForEvent("filechooser");
    await page.goto(here.server.url);
    await tabTo(page, "Choose a file");
    await page.keyboard.press("Enter");
    await (await chooser.catch((error) => assert.fail(`${error.message} ${said.join("; ")}`))).setFiles(here.clip);
    await page.waitForURL(/\/assets\/ast_/);
    await waitForPlayback(page);
    assert.equal((await focused(page)).tag, "h1", "the focus is at the start of the new view");

    const paused = () => page.evaluate(() => document.querySelector("video").paused);
    await tabTo(page, "clip.mp4, cbcs, all tracks");
    await page.keyboard.press("Space");
    await until("Space pauses", paused);
    await page.keyboard.press("Space");
    await until("Space plays", async () => !(await paused()));

    await tabTo(page, "Delete this asset");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Delete clip.mp4?" });
    await dialog.waitFor();
    assert.equal((await focused(page)).name, "Keep it");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.equal((await focused(page)).name, "Delete this asset", "the focus comes back");

    await page.keyboard.press("Enter");
    await tabTo(page, "Delete everything");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/library$/);
    await page.getByText("clip.mp4 was deleted.").waitFor();
    assert.equal((await here.server.api("GET", "/api/v1/assets")).data.length, 0);
  }));

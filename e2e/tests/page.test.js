// The page itself: without JavaScript, on a narrow screen, with mistakes, and its library.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { dropFiles } from "../lib/browser.js";
import { packageAsset, upload } from "../lib/library.js";
import { ffmpeg } from "../lib/tools.js";
import { world } from "../lib/world.js";

let asset;

const here = world(async ({ server, clip }) => {
  asset = await upload(server, clip);
  await packageAsset(server, asset.id, {});
});

test("without JavaScript the page tells what the first API can do", () =>
  here.withPage(
    async (page) => {
      await page.goto(here.server.url);
      const text = await page.locator("body").innerText();
      for (const [name, example] of [
        ["Upload", /curl -F file=@\S+ http:\S+\/success/],
        ["Package", /curl [^]*input_content_id[^]*\/packaged_content\b/],
        ["Status", /curl http:\S+\/packaged_content_id\/1/],
        ["Browse", /curl http:\S+\/videos\//],
      ]) {
        assert.ok(await page.getByRole("heading", { name, exact: true }).isVisible(), name);
        assert.match(text, example);
      }
      for (const target of ["/api/v1/docs", "/upload_input_content", "/videos/"]) {
        assert.ok((await page.locator(`a[href="${target}"]`).count()) > 0, `a link to ${target}`);
        assert.equal((await page.request.get(here.server.url + target)).status(), 200, target);
      }
    },
    { javaScriptEnabled: false },
  ));

/** Opens a view, waits for what it shows, and unfolds everything. */
async function open(page, target) {
  await page.goto(here.server.url + target);
  await page.getByRole("heading", { level: 1 }).waitFor();
  if (target === "/library") await page.getByRole("link", { name: "clip.mp4" }).waitFor();
  if (target.startsWith("/assets")) await page.getByRole("heading", { name: "File" }).waitFor();
  for (const summary of await page.locator("summary").all()) await summary.click();
}

test("without JavaScript a file is uploaded with the form and found in the list", () =>
  here.withPage(
    async (page) => {
      await page.goto(`${here.server.url}/upload_input_content`);
      await page.locator('input[type="file"][name="file"]').setInputFiles(here.clip);
      await page.locator('[type="submit"], form button').first().click();
      await page.waitForURL(/\/success$/);
      const [, id] = /input_content_id: (\d+)/.exec(await page.locator("body").innerText());
      const { data } = await here.server.api("GET", "/api/v1/assets");
      assert.equal(String(data[0].input_content_id), id);
      await page.goto(`${here.server.url}/videos/`);
      assert.match(await page.locator("body").innerText(), /clip\.mp4/);
      await here.server.api("DELETE", `/api/v1/assets/${data[0].id}`);
    },
    { javaScriptEnabled: false },
  ));

test("at 360 pixels nothing is cut off, in light and in dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await here.withPage(
      async (page) => {
        for (const target of ["/", "/library", "/player", `/assets/${asset.id}`]) {
          await open(page, target);
          const faults = await page.evaluate(() => {
            const wide = document.documentElement.scrollWidth;
            const cut = [...document.querySelectorAll("button, input, select, a")]
              .filter((element) => element.checkVisibility())
              .map((element) => [element, element.getBoundingClientRect()])
              .filter(([, box]) => box.right > innerWidth + 0.5 && box.width > 1)
              .map(([element]) => element.textContent);
            return wide > innerWidth || cut.length > 0 ? { wide, cut } : null;
          });
          assert.equal(faults, null, `${target} ${colorScheme}: ${JSON.stringify(faults)}`);
        }
      },
      { viewport: { width: 360, height: 740 }, colorScheme },
    );
  }
});

test("axe finds no barrier, in light and in dark", async () => {
  const axe = await readFile(path.join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"), "utf8");
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  for (const colorScheme of ["light", "dark"]) {
    await here.withPage(
      async (page) => {
        for (const target of ["/", "/library", "/player", `/assets/${asset.id}`]) {
          await open(page, target);
          await page.evaluate(axe);
          const found = await page.evaluate(async (runOnly) => {
            const { violations } = await window.axe.run(document, { runOnly });
            return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
          }, tags);
          assert.deepEqual(found, [], `${target} ${colorScheme}`);
        }
      },
      { colorScheme },
    );
  }
});

test("files that are no videos are refused with the reason, and the next one is accepted", () =>
  here.withPage(async (page) => {
    const text = path.join(here.folder, "notes.mp4");
    await writeFile(text, "This is a text named .mp4.\n".repeat(50));
    const picture = path.join(here.folder, "picture.png");
    await ffmpeg(["-f", "lavfi", "-i", "testsrc=size=64x64", "-frames:v", "1", picture]);
    const empty = path.join(here.folder, "empty.mp4");
    await writeFile(empty, "");
    await page.goto(here.server.url);
    for (const file of [text, picture, empty]) {
      await dropFiles(page, '[data-testid="drop-zone"]', [file]);
      const alert = page.getByRole("alert");
      await alert.waitFor();
      assert.match(await alert.innerText(), /\. Use a video that plays/, path.basename(file));
      await page.reload();
    }
    await dropFiles(page, '[data-testid="drop-zone"]', [here.clip]);
    await page.waitForURL(/\/assets\/ast_/);
    await page.locator('[data-status="Ready"]').waitFor();
    const { data } = await here.server.api("GET", "/api/v1/assets");
    assert.deepEqual(data.map((one) => one.name), ["clip.mp4", "clip.mp4"], "nothing else was kept");
    await here.server.api("DELETE", `/api/v1/assets/${data[0].id}`);
  }));

test("an asset is packaged again with other options, and one package deleted", () =>
  here.withPage(async (page) => {
    await page.goto(`${here.server.url}/assets/${asset.id}`);
    await page.getByText("Package it again, with other options").click();
    await page.getByLabel("Encryption").selectOption("cenc");
    await page.getByLabel("Encrypt", { exact: true }).selectOption("video");
    await page.getByLabel("Segments, in seconds").fill("2");
    await page.getByLabel("KID", { exact: true }).fill("oW5AK5BW43HzbTSKpiu3SQ");
    await page.getByRole("button", { name: "Package", exact: true }).click();
    await page.getByText("The key is missing: a KID needs both.").waitFor();
    await page.getByLabel("Key", { exact: true }).fill("hyN9IKGfWKdAwFaE5pm0qg");
    await page.getByRole("button", { name: "Package", exact: true }).click();
    const card = page.getByRole("article", { name: "cenc, picture only" });
    await card.and(page.locator('[data-status="Ready"]')).waitFor();
    const [newest] = (await here.server.api("GET", `/api/v1/assets/${asset.id}`)).packages;
    assert.deepEqual(
      [newest.scheme, newest.encrypt, newest.kid, newest.segment_duration],
      ["cenc", "video", "a16e402b-9056-e371-f36d-348aa62bb749", 2],
    );
    assert.equal(await card.getByLabel("DASH manifest", { exact: true }).inputValue(), newest.dash_url);
    assert.equal(await card.getByLabel("HLS playlist", { exact: true }).inputValue(), newest.hls_url);
    await card.getByRole("button", { name: "Delete package" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete package" }).click();
    await card.waitFor({ state: "detached" });
    assert.equal((await fetch(newest.dash_url)).status, 404);
  }));

test("the library lists the assets and deletes one", () =>
  here.withPage(async (page) => {
    const other = await upload(here.server, here.clip);
    await page.goto(`${here.server.url}/library`);
    const rows = page.getByRole("list", { name: "Assets" }).getByRole("listitem");
    await rows.nth(1).waitFor();
    assert.equal(await rows.count(), 2);
    assert.match(await rows.first().innerText(), /No package yet/);
    assert.match(await rows.last().innerText(), /Ready/);
    await rows.first().getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete everything" }).click();
    await page.getByText("clip.mp4 was deleted.").waitFor();
    assert.equal(await rows.count(), 1);
    await page.goto(`${here.server.url}/assets/${other.id}`);
    await page.getByRole("alert").getByText("The library shows what is there.").waitFor();
  }));

test("the page asks nobody else for anything", () =>
  here.withPage(async (page) => {
    const others = [];
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== here.server.url) others.push(request.url());
    });
    for (const target of ["/", "/library", "/player", `/assets/${asset.id}`, "/api/v1/docs"]) {
      await page.goto(here.server.url + target, { waitUntil: "networkidle" });
    }
    assert.deepEqual(others, []);
  }));
